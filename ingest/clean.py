"""Which text around questions is no part of an answer, and why: advertising, navigation, by-lines, closings.

The signals are general: what a text asks the reader to do, whom it addresses, whether it shares any word with the
subject at hand, whether it is repeated, and where it stands. Where they are weak, the text stays in its entry.
"""

from __future__ import annotations

import re
from collections.abc import Set

from ingest.readers.inline import words_of
from ingest.types import DropReason

_CALL = re.compile(
    r"(?:build|create|get|start|try|download|join|subscribe|sign up|discover|boost|buy|shop|order|save|upgrade"
    r"|claim|grab|apply (?:now|today|here)"
    r"|check out|click|unlock|enrol+|register|book|become|land|follow|visit|explore|browse|hire|meet|introducing"
    r"|launch"
    r"|want (?:to|more)|looking (?:to|for)|need (?:a|an|help|more)|ready to|are you (?:looking|ready)|do(?:n't"
    r"| not) miss"
    r"|struggling|tired of|take (?:your|our)|learn (?:more|from)|master|prepare|practi[cs]e|share|like this|rate"
    r"|donate"
    r"|support us|sponsored|advertisement|anzeige|werbung|jetzt|hol dir|sichern? (?:sie|dir)|bestellen|abonnieren"
    r"|entdecken sie|suscríbete|descarga|compra|prueba|regístrate|abonnez|découvrez|téléchargez|essayez|inscrivez)\b",
    re.IGNORECASE,
)
_PROMO = re.compile(
    r"\b(?:free|gratis|kostenlos|gratuite?|trial|discount|rabatt|coupon|promo|voucher|deal|offer|sale|subscribe"
    r"|newsletter"
    r"|download|sign[ -]?up|minutes|seconds|today|now|easy to use|in no time|stand out|courses?|bootcamp|webinar"
    r"|e-?book"
    r"|sponsor(?:ed)?|advertisement|premium|pro version|limited time|click here|learn more|affordable"
    r"|best[- ]?sell(?:ing|er)"
    r"|exclusive|guaranteed?|money back|consultation|powered by|ai-powered|app|membership|giveaway|partner|\d+ ?% off"
    r"|get started|our team|our experts?|our community|dream job|success|testimonials?|pricing|plans)\b|\d ?%",
    re.IGNORECASE,
)
_ADDRESS = re.compile(
    r"\b(?:you|your|yours|our|us|we|dein\w*|ihre?\w*|unsere?\w*|nuestr\w+|tu|tus|vos|votre|notre"
    r"|nos)\b",
    re.IGNORECASE,
)
_LINK = re.compile(r"https?://|www\.|\]\(")

_CLOSING = re.compile(
    r"thank(?:s| you),? (?:we|i|very much|a lot|again|all|everyone)\b|^thank(?:s| you)[.! ]*$|thank(?:s"
    r"| you)\b.{0,40}\b(?:read|visit|watch|stay|tun|follow|time|attention|interest|stopping)\w*"
    r"|in this (?:article|post|guide|blog|tutorial"
    r"|document|page|list|series),? (?:we|you|i)\b|we(?:'ve| have) (?:covered|gone|looked|seen|discussed|explored"
    r"|walked)"
    r"|(?:we|i) (?:really |sincerely )?hope\b.{0,80}\b(?:help|useful|enjoy|found|learn|guide|clear|answer|inform"
    r"|find)\w*|hope (?:this|these|that|you|it)\b"
    r"|good luck|best of luck|happy (?:coding|learning|reading|cooking|baking|gardening|hacking|interviewing"
    r"|testing|travel\w*)"
    r"|(?:leave|drop|post) (?:a|your|us) (?:comment|question|line|note)|(?:in|down) the comments?(?: below"
    r"| section)?[.!]?$|comment below|stay tuned|see you (?:next|soon|in the)"
    r"|come back soon|for more (?:articles|information|questions|tips|posts|such)|(?:if you )?(?:liked"
    r"|enjoyed) (?:this|our|the)"
    r"|feel free to (?:reach|contact|comment|share|ask)|keep (?:learning|practi[cs]ing|exploring)"
    r"|to wrap (?:it |this |things )?up|(?:^|[.!] )that(?:'s| is) (?:all|it) for\b"
    r"|these (?:\d+ )?(?:interview )?questions (?:will|should|have|cover)"
    r"|(?:this|our) (?:article|guide|post|page|faq|list of questions) (?:should|has|covers|gave|helps?|answered)\b"
    r"|still have (?:a )?questions|have (?:more|other|any other|further) questions"
    r"|^(?:(?:do you )?have|got) (?:a|any) (?:\w+ )?questions?\W.{0,12}\b(?:write|ask|send|contact|call"
    r"|e-?mail|let us|reach)\b"
    r"|didn't find|did not find"
    r"|can't find (?:what|your)"
    r"|(?:didn't|did not|not) answer(?:ed)? your question|noch fragen|weitere fragen|vielen dank|wir hoffen"
    r"|danke fürs|viel erfolg"
    r"|gracias por|esperamos que|buena suerte|merci (?:d'avoir|de votre|pour)|nous espérons|bonne chance"
    r"|grazie per|obrigad[oa] por"
    r"|^(?:(?:best|kind|warm|many)(?: \w+)? regards|regards|yours (?:\w+ )?(?:sincerely|truly|faithfully)|sincerely"
    r"|cheers|mit freundlichen grüßen|(?:viele|beste|liebe|herzliche) grüße|cordialement|bien à vous|(?:un )?saludos?"
    r"|atentamente|atenciosamente|(?:cordiali|distinti) saluti|met vriendelijke groet(?:en)?|med vänliga? hälsning\w*"
    r"|с уважением)\b.{0,30}$"
    r"|感谢|謝謝|谢谢|欢迎关注|希望(?:本文|这|对)|祝(?:你|您|大家)|ご覧いただき|ありがとうございま|شكرا|نأمل"
    r"|спасибо за|надеемся|удачи",
    re.IGNORECASE,
)
_CLOSING_TITLE = re.compile(
    r"(?:conclusions?|summary|final (?:words?|thoughts?|remarks?|notes?)|wrap(?:ping)?[ -]?(?:it )?up"
    r"|closing(?: \w+)?|the bottom line|bottom line"
    r"|in (?:summary|closing|conclusion)|key takeaways?|takeaways?|outro|epilogue|next steps|what'?s next\??"
    r"|over to you|parting (?:words|thoughts)"
    r"|contact(?: us)?|get in touch|need (?:more )?help\??|still (?:have|got) questions\??|any (?:more"
    r"|other) questions\??|more questions\??|acknowledge?ments?"
    r"|fazit|schluss(?:wort)?|schlussbemerkung|zusammenfassung|kontakt|noch fragen\??|conclusión|conclusiones"
    r"|resumen|contacto|résumé"
    r"|conclusione|conclusão|结语|总结|小结|結論|まとめ|خاتمة|الخاتمة|заключение|итоги)[ :.!]*",
    re.IGNORECASE,
)
_NAVIGATION = re.compile(
    r"(?:related|recommended|suggested|popular|recent|latest|similar|further|more|other|trending|featured"
    r"|additional|useful)\s(?:\w+\s)?"
    r"(?:articles?|posts?|readings?|reads?|questions|topics|pages|guides?|stories|resources?|links?|tutorials?|content"
    r"|blogs?|news)\b.{0,30}$"
    r"|(?:you (?:may|might|could) (?:also )?(?:like|enjoy|be interested|want)|read (?:more|next|also|this next)"
    r"|see also|share (?:this|on|via)|also read"
    r"|(?:previous|next)(?: (?:post|article|page|chapter|topic|question))?\s*[:»«→←]?\s*(?:$|[»«→←:|])"
    r"|[«←<]\s*(?:previous|back|prev)|tagged(?: with)?:|tags?:|categor(?:y|ies):|filed under"
    r"|more from|back to (?:top|home|index|main)|skip to|table of contents|jump to|home\s*[>/»|›]|menu$"
    r"|search\b.{0,10}$|log ?in\b.{0,20}$|was this (?:page|article|answer|helpful)"
    r"|(?:©|\(c\)|copyright)\s|all rights reserved|privacy policy|terms (?:of|and)|cookies?\b.{0,60}\b(?:accept"
    r"|consent|use|polic|settings|experience|site)"
    r"|we use cookies|(?:this|our) (?:site|website|page) uses cookies|accept (?:all|cookies)|follow us|facebook"
    r"|twitter|linkedin\b.{0,20}$"
    r"|weiterlesen|ähnliche (?:artikel|beiträge|themen)|das könnte (?:sie|dich)|verwandte|impressum|datenschutz"
    r"|artículos relacionados"
    r"|también te puede|articles (?:similaires|liés)|à lire aussi|相关(?:文章|阅读|推荐)|推荐阅读|上一篇|下一篇"
    r"|関連記事|مقالات ذات صلة|اقرأ أيضا|читайте также|похожие)",
    re.IGNORECASE,
)
_FEEDBACK = re.compile(
    r"(?:(?:was|is|did) (?:this|our) (?:page|article|answer|post|guide|information|content|topic|section)?\s?"
    r"(?:helpful|useful|(?:help|solve|answer)\b.{0,30})|(?:did|have) (?:you find|we answer)\b.{0,60}\b(?:helpful|useful"
    r"|questions?|looking for)|how (?:helpful|useful) was this|(?:rate|how would you rate) this"
    r"|war (?:dieser?|diese antwort|das)\b.{0,30}(?:hilfreich|nützlich)|(?:te|le|les|os) (?:ha )?(?:resultado|sido|fue)"
    r" útil|¿(?:te|le) (?:ha (?:sido|resultado)|fue|resultó) útil|cet(?:te)? \w+ (?:vous )?a-t-(?:il|elle)\b.{0,20}"
    r"(?:utile|aidé))",
    re.IGNORECASE,
)
_PAGE_MARK = re.compile(
    r"(?:page|pg\.?|seite|página|pagina|str(?:ona|ana|\.)|sida|side|стр(?:аница|\.)|sayfa|trang|halaman)\s?\d{1,4}"
    r"(?:\s?(?:of|von|de|di|sur|van|av|af|z|из|/|\|)\s?\d{1,4})?|第\s?\d{1,4}\s?[页頁ページ]+",
    re.IGNORECASE,
)
_AUTHOR = re.compile(
    r"(?:(?:published|recorded|presented|hosted|broadcast|written|posted|reviewed|edited|authored|compiled|curated|updated|created|contributed"
    r"|fact[- ]checked|medically reviewed|text|photos?)"
    r"(?: and \w+)? (?:by|on)\b|by:? (?:dr\.? |prof\.? )?[A-Z][\w.'-]+(?: [A-Z][\w.'-]+){1,3}\s*(?:$|[|,·•–-]"
    r"|on\b)|about (?:the )?authors?|authors?:\s"
    r"|(?:last )?(?:updated|modified|reviewed|revised)(?: on)?:?\s+\S*\d|veröffentlicht|geschrieben von"
    r"|verfasst von|über (?:den autor|die autorin)|autor(?:in)?:"
    r"|escrito por|publicado (?:por|el)|sobre (?:el autor|la autora)|écrit par|publié (?:par|le)"
    r"|à propos de l'auteur|作者|发布(?:于|时间)|編集|كتبه|بقلم|автор)",
    re.IGNORECASE,
)
_MONTH = (
    r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|jän|mär|mai|okt|dez|ene|abr|ago|dic|fév|avr|juin|juil|août|déc)"
    r"[a-zéû]*\.?"
)
_DATE = re.compile(
    rf"(?:{_MONTH} \d{{1,2}},? \d{{4}}|\d{{1,2}}\.? {_MONTH},? \d{{4}}|\d{{4}}-\d{{2}}-\d{{2}}"
    rf"|\d{{1,2}}[./]\d{{1,2}}[./]\d{{2,4}}"
    r"|\d{4}年\d{1,2}月\d{1,2}日)",
    re.IGNORECASE,
)
_READING_TIME = re.compile(
    r"\d+\s*(?:min(?:ute)?s?\.?\s(?:read|lesezeit)|views?|comments?|shares?|likes?)\b", re.IGNORECASE
)

_STOP = frozenset(
    words_of(
        """the and for with that this from your you our are was were will can how what which who when where why have
    has had not but all any its it's one use using used more most other than then them they their there here
    into out over also just get make about only some such each very well need want help free now today easy like
    new best in minutes be is of to der die das und ist ein eine von mit den dem auf für nicht sich auch des sie
    wir ihr que los las una por con para les des une est dans pour sur"""
    )
)


def content_words(text: str) -> set[str]:
    """The stems of the words that carry a text's subject."""
    found = re.findall(r"[^\W\d_]{3,}", text.lower())
    return {word[:6] for word in found if word not in _STOP}


def promotion(text: str, *, subject: Set[str], repeated: bool) -> float:
    """How much a block reads like an advertisement; 0 where it shares its words with the subject.

    Args:
        text: The block, without markup.
        subject: Stems of the words of the questions and answers around it.
        repeated: Whether the document holds the same or nearly the same block elsewhere.
    """
    if len(text) > 700:
        return 0.0
    own = content_words(text)
    shared = len(own & subject)
    if own and shared > 0.34 * len(own):
        return 0.0
    stripped = text.lstrip(" *_#>-•\"'“‘!🔥🚀👉✨⭐")
    last = re.split(r"[.!?:…] ", stripped.rstrip(" *_.!»›→"))[-1]
    score = 1.0 * (_CALL.match(stripped) is not None or (len(last.split()) <= 4 and _CALL.match(last) is not None))
    score += 0.5 * (_ADDRESS.search(text) is not None)
    score += 0.4 * min(3, len(set(m.group().lower() for m in _PROMO.finditer(text))))
    score += 0.3 * text.rstrip(" *_").endswith("!") + 0.3 * (_LINK.search(text) is not None)
    score += 0.9 * repeated
    if re.match(
        r"(?:advertisement|sponsored|anzeige|werbung|publicidad|publicité|ad|promoted)\b[ :.-]*",
        stripped,
        re.IGNORECASE,
    ):
        score += 2.0
    return score - 0.3 * shared


def is_closing_title(text: str) -> bool:
    """Whether a line is the title of a closing section."""
    return _CLOSING_TITLE.fullmatch(text.strip("*_# ")) is not None


def asks_for_feedback(text: str) -> bool:
    """Whether a line asks the reader about the page itself: "Was this article helpful? Yes No"."""
    return len(text) < 120 and _FEEDBACK.match(text.strip("*_# ")) is not None


def is_page_mark(text: str) -> bool:
    """Whether a line is nothing but the number of a page: "Page 3 of 12"."""
    return len(text) < 40 and _PAGE_MARK.fullmatch(text.strip("*_#-–—|[]() ")) is not None


def closing_reason(text: str) -> DropReason | None:
    """Why a block that stands behind the last answer is no part of it, judged by itself; None if it may be."""
    bare = text.strip("*_#> \t-•|")
    if not any(c.isalnum() for c in bare):
        return DropReason.MARKUP
    if is_closing_title(bare):
        return DropReason.CLOSING
    if asks_for_feedback(bare) or is_page_mark(bare):
        return DropReason.NAVIGATION
    if (len(bare) < 300 and _NAVIGATION.match(bare)) or (
        re.search(r"all rights reserved|^©|privacy policy", bare, re.IGNORECASE) and len(bare) < 200
    ):
        return DropReason.NAVIGATION
    if len(bare) < 300 and _AUTHOR.match(bare):
        return DropReason.AUTHOR
    if is_dated_link(text):
        return DropReason.NAVIGATION
    if _CLOSING.search(bare) and len(bare) < 900:
        return DropReason.CLOSING
    return None


def is_dated_link(text: str) -> bool:
    """Whether a list item is a title with a date, as in lists of recent articles."""
    bare = text.strip()
    date = None
    for date in _DATE.finditer(bare[-60:]):  # noqa: B007
        pass
    listed = re.match(r"[-*+•]\s", bare) is not None
    at_end = date is not None and len(bare[-60:]) - date.end() <= 3
    behind_dash = date is not None and re.search(r"[-–—|·(]\s*$", bare[-60:][: date.start()]) is not None
    return at_end and (behind_dash or (listed and len(bare) < 160)) and len(bare) < 250 and listed


def opening_reason(text: str, *, title_like: bool) -> DropReason:
    """Why a block before the first question is dropped."""
    bare = text.strip("*_#> \t-•|")
    if not any(c.isalnum() for c in bare):
        return DropReason.MARKUP
    if len(bare) < 200 and (_NAVIGATION.match(bare) or re.search(r"\s[>»›|]\s.*\s[>»›|]\s", bare)):
        return DropReason.NAVIGATION
    if len(bare) < 200 and (
        _AUTHOR.match(bare) or _DATE.match(bare) or (_READING_TIME.search(bare) and len(bare) < 80)
    ):
        return DropReason.AUTHOR
    if promotion(bare, subject=set(), repeated=False) >= 2.2:
        return DropReason.ADVERTISEMENT
    return DropReason.HEADING if title_like else DropReason.INTRODUCTION

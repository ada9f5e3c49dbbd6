"""How much a line reads like a question, in any script; and the labels that documents put before questions and answers.

The word lists only add weight: a document's convention is inferred from its structure, so a question in a language that
is missing here is found through its numbering, its label, its heading or its question mark.
"""

from __future__ import annotations

import functools
import re
import unicodedata

from ingest.readers.inline import words_of

QUESTION_MARKS = "?？؟⸮՞፧꘏꛷⁇⁈⁉‽﹖\u037e"
"""Question marks of the world's scripts; the last one is the Greek erotimatiko (U+037E)."""

_MARKS = re.compile(f"[{QUESTION_MARKS}]+")

_INTERROGATIVES = frozenset(
    words_of(
        """what what's whats which who who's whom whose when where why how how's is are was were am do does did can
    could should would will shall may might must has have had isn't aren't doesn't don't didn't can't couldn't
    won't was wie warum weshalb wieso wann wo wohin woher woran wer wen wem wessen welche welcher welches
    welchen welchem kann können darf dürfen muss müssen soll sollte gibt ist sind hat haben wird werden wofür
    womit que qué cuál cuáles cómo cuándo dónde quién quiénes cuánto cuántos puedo puede debo hay quel quelle
    quels quelles comment pourquoi quand où qui combien est-ce qu'est-ce peut-on dois-je puis-je come cosa
    perché quando dove chi quale quali quanto quanti posso può devo qual quais como onde quem quanto posso wat
    hoe waarom wanneer waar wie welke kan mag moet vad hur varför när var vem vilken vilka hvad hvordan hvorfor
    hvornår hvor hvem kan что как почему когда где кто какой какая какие какое сколько зачем можно ли куда
    откуда чем ne nasıl neden niçin nerede kim hangi kaç mı mi co jak dlaczego kiedy gdzie kto jaki jaka jakie
    czy ile ما ماذا كيف لماذا متى أين من هل كم أي لما क्या कैसे क्यों कब कहाँ कौन"""
    )
)
_WEAK = frozenset(
    words_of("""was wie is are who may might will que como come hay ne mi co jak where when if kan var""")
)
"""Openings that also start plain sentences in some language; a full stop at the end speaks against them."""
_IMPERATIVES = frozenset(
    words_of(
        """explain describe define discuss compare contrast differentiate distinguish elaborate outline enumerate
    summarize summarise justify illustrate state list name give mention tell identify analyze analyse evaluate
    derive prove show calculate compute write demonstrate clarify briefly interpret walk suggest classify
    erkläre erklären erläutere erläutern beschreibe beschreiben nenne nennen vergleiche vergleichen definieren
    definiere explique explica describe describa define compare nombra nomme décrivez décrire expliquez
    définissez citez comparez spiega descrivi elenca descreva cite defina объясните опишите назовите перечислите
    сравните дайте اشرح عرف عرّف اذكر قارن صف وضح leg beschrijf noem"""
    )
)
_PHRASES = re.compile(
    r"(?:how to|difference[s]? between|what about|tell me|walk me|steps to|in what|at what|for what|to what"
    r"|under what"
    r"|from what|with what|on what|by what|in which|at which|for which|under which|on which|to which|wie man"
    r"|in welche[mnr]?|auf welche[mnr]?|bis wann|ab wann|seit wann|um wie|à quoi|a quoi|de quoi|por qué|para qué"
    r"|en qué"
    r"|is it|if you|what if|given an?|suppose|imagine|consider|true or false)\b",
    re.IGNORECASE,
)
_CJK = re.compile(
    r"什么|甚麼|什麼|如何|怎么|怎麼|怎样|怎樣|为什么|為什麼|哪|是否|能否|吗|嗎|多少|几|请(?:说明|解释|简述|列举"
    r"|描述|比较)"
    r"|谁|何时|何處|なぜ|ですか|ますか|でしょうか|とは|どの|どう|何|いつ|どこ|誰|説明(?:して|せよ)|述べ"
    r"|무엇|어떻게|왜|언제|어디|누가|누구|인가요|나요|까요|습니까|설명하"
)
_ERROR = re.compile(
    r"\b[A-Z]\w*(?:Error|Exception|Warning|Failure)\b|\b[A-Z]{2,}(?:_[A-Z0-9]+)+\b|\bE[A-Z]{4,}\b"
    r"|(?i:\b(?:error|exception|fatal|panic|warning|fehler|erreur)\b[ :\d])"
    r"|(?i:\b(?:cannot|can't|could not|couldn't|unable to|failed|fails|failure|not found|no such|denied|refused"
    r"|timed out|timeout|invalid|unexpected|undefined|missing|unknown|unsupported|not recognized"
    r"|does not exist|doesn't|won't"
    r"|crashes|stuck|exceeded|too many|out of memory|deprecated|rejected)\b)"
)

QUESTION_LABELS = frozenset(
    words_of(
        """q question que ques quest faq problem exercise frage f pregunta p pergunta domanda d вопрос в 问 问题 問 問題
    質問 질문 س سؤال السؤال प्रश्न vraag v fråga spørgsmål pytanie soru kysymys otázka kérdés întrebare ερώτηση שאלה
    คำถาม"""
    )
) | {"câu hỏi", "interview question", "interviewer", "frequently asked question"}
ANSWER_LABELS = frozenset(
    words_of(
    """a answer ans answers antwort
    réponse reponse r respuesta risposta resposta ответ о 答 答案 回答 答え 답변 답 ج جواب
    الجواب الإجابة إجابة उत्तर antwoord svar odpowiedź cevap vastaus odpověď válasz răspuns απάντηση תשובה คำตอบ
    solution reply response lösung solución soluzione solução"""
)
) | {
    "sample answer", "model answer", "correct answer", "example answer", "short answer", "trả lời", "best answer",
    "right answer", "suggested answer", "possible answer", "richtige antwort", "正确答案", "the answer",
}  # fmt: skip
ALSO_LABELS = frozenset({"also asked", "also asked as", "also known as question", "also"}) - {"also"}
SINGLE = frozenset(label for label in QUESTION_LABELS | ANSWER_LABELS if len(label) == 1 and label.isascii())
"""One-letter labels, which need a counterpart to be believed."""

_TRAILING = " \t*_`~\"'”’»)]】）」』>.!…\u200b\ufe0f"
_OPENING = " \t*_`~\"'“‘«([【（「『<-–—•¿¡#>"
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")


def ends_with_question_mark(plain: str) -> bool:
    """Whether the line ends with a question mark of any script."""
    tail = plain[-12:].rstrip(_TRAILING)
    if not tail:
        return False
    if tail[-1] in QUESTION_MARKS:
        return True
    greek = tail[-1] == ";" and any(unicodedata.name(c, "").startswith("GREEK") for c in plain[-12:])
    return greek or (unicodedata.category(tail[-1]).startswith("S") and tail[:-1].rstrip()[-1:] in QUESTION_MARKS)


def first_question_mark(plain: str) -> int:
    """Index just behind the first run of question marks that ends a word, or -1."""
    if _MARKS.search(plain) is None:
        return -1
    for match in _MARKS.finditer(plain):
        after = plain[match.end() : match.end() + 1]
        wide = plain[match.start()] in "？؟՞፧﹖"
        if not after or after.isspace() or after in "\"'”’»)*_" or wide:
            end = match.end()
            while plain[end : end + 1] and plain[end] in "\"'”’»)*_":
                end += 1
            return end
    return -1


def words(plain: str) -> list[str]:
    """The words of a text in lower case, digits left out."""
    return [w.lower() for w in _WORD.findall(plain)]


def looks_like_error(plain: str) -> bool:
    """Whether the line reads like an error message or the description of a failure."""
    return len(plain) < 200 and _ERROR.search(plain) is not None


def opening(plain: str) -> float:
    """How much the first words of a line open a question, in [0, 1]."""
    text = plain[:200].lstrip(_OPENING)
    found = words(text)
    if not found:
        return 0.7 if _CJK.search(plain[:200]) else 0.0
    first = found[0].replace("’", "'")
    stop = text.rstrip(" *_\"'”")[-1:] in ".!。"
    value = 0.0
    if first in _IMPERATIVES:
        value = 0.8 if len(found) >= 2 else 0.0
    elif first.split("'")[0] in _INTERROGATIVES or first in _INTERROGATIVES:
        value = 0.4 if stop else 0.55 if first in _WEAK else 0.8
    elif _PHRASES.match(text):
        value = 0.7
    elif _CJK.search(plain[:200]):
        value = 0.4 if stop else 0.7
    if value < 0.7:
        # "In Python, what is ...", "Bei Regen: was tun"
        head, comma, rest = text.partition(",")
        if comma and len(head.split()) <= 8 and rest.strip():
            second = words(rest[:60])
            if second and (second[0] in _INTERROGATIVES or second[0] in _IMPERATIVES) and second[0] not in _WEAK:
                value = max(value, 0.35 if stop else 0.7)
    return value


@functools.lru_cache(maxsize=20_000)
def question_likeness(plain: str) -> float:
    """How much a line reads like a question, in [0, 1]; the whole line counts, not its beginning alone."""
    if not plain or len(plain) > 1500:
        return 0.0
    if ends_with_question_mark(plain):
        return 1.0
    inside = first_question_mark(plain)
    if inside > 0:
        rest = plain[inside:].strip(_TRAILING + _OPENING)
        if len(rest.split()) <= 6 or opening(rest) >= 0.7:
            return 0.9 if len(plain) < 400 else 0.5
        return 0.6 if opening(plain) or inside < 200 else 0.3
    if len(plain) > 300:
        return 0.0
    value = opening(plain)
    if value and len(plain.split()) > 45:
        value *= 0.4
    return value

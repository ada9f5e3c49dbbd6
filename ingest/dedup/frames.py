"""The frames that questions come in, as a table: which intent a wording has, and where in it the subject stands.

A rule is `intent | pattern`. The first that matches a clause wins. In a pattern, {x} {y} {z} capture parts of the
subject, and the other names in braces stand for the alternatives below. Clauses are lower case, words and marks
separated by single spaces.
"""

# ruff: noqa: E501 - a rule is one line
from __future__ import annotations

MACROS: dict[str, str] = {
    "x": r"(?P<x>.+?)",
    "y": r"(?P<y>.+?)",
    "z": r"(?P<z>.+?)",
    "we": r"(?:i|you|we|me|us|one|u|someone|somebody|anyone|people|they|users|developers|programmers|customers)",
    "modal": r"(?:do|does|did|can|could|should|would|will|must|may|might|shall)",
    "be": r"(?:is|are|was|were)",
    "the": r"(?:(?:the|a|an|any|one|two|three|some|few|all|your|its|various|different|main|key|major|common|basic|most|important|primary|essential|exact|general|real|biggest|several|core|fundamental|popular|other) )*",
    "tell": r"(?:explain|describe|define|discuss|elaborate on|elaborate|state|clarify|outline|illustrate|summarise|summarize|understand|introduce|detail|present)",
    "list": r"(?:list out|list|name|mention|enumerate|give|provide|write down|write|identify|share|suggest)",
    "purpose": r"(?:purpose|role|use|usage|significance|importance|need|point|goal|aim|objective|job|meaning|definition|concept|idea|notion|function|intuition|relevance|sense|basics|fundamentals|rationale)",
    "useful": r"(?:used|useful|important|necessary|needed|required|essential|significant|helpful|crucial|critical|vital|popular|for|good|beneficial|preferred|it)",
    "way": r"(?:way|ways|method|methods|steps|step|procedure|process|approach|approaches|technique|techniques|strategy|strategies|means|command|syntax)",
    "best": r"(?:(?:the|a|an|some|any|all|best|right|correct|proper|easiest|simplest|recommended|quickest|fastest|most|common|standard|usual|efficient|good|effective|different|various|typical|general|basic|main|key|necessary|few) )*",
    "ed": r"(?:\w+ed|done|made|built|taken|given|written|found|set|sent|kept|held|run|put|read|drawn|chosen|bought|paid|reset|shut|let|hit|spread|cast|sold|told|lent|lost|shown|known|begun|grown|stored|split|cut|got|gotten)",
}

RULES = r"""
need     | is {x} required ?{y}?
need     | must i {x}
choose   | (?:should|shall|do|would|can) {we} (?:(?:buy|get|use|choose|pick|take|go for|go with|prefer|select) )?(?:between )?{x} or {y}
choose   | which (?:one )?(?:is|are|of) (?:the )?(?:better|best|preferable|faster|cheaper) ?(?:between|among|of|for)?[ ,:]* {x}
choose   | is {x} better than {y}
choose   | when (?:should|would|do|to) ?{we}? ?(?:use|choose|prefer|pick|select)? {x} (?:vs|versus|or|and when) {y}
when     | when (?:should|would|do|to) ?{we}? ?(?:use|choose|prefer|pick|select)? {x} (?P<z>instead of .+)
choose   | how (?:do|should|can|to|would) ?{we}? ?(?:choose|decide|select|pick) between {x}
compare  | (?:{tell} |{list} |what (?:is|are) |is there |are there |tell me |show )?{the}(?:differences?|distinctions?|comparisons?|contrasts?) (?:between|of|among|in|b/w) {x}
compare  | (?:differentiate|distinguish|compare|contrast|differ)(?: and contrast)?(?: between| among)? {x}
compare  | (?:differences?|distinctions?|comparison) (?:between|of) {x}
compare  | how (?:do|does|did) {x} differ(?: from| to| with)? ?{y}?
compare  | how (?:do|does) {x} compare (?:to|with|against) {y}
compare  | how {x} differs? (?:from|to) {y}
compare  | how {be} {x} (?:different|distinct) (?:from|than|to) {y}
compare  | how {be} {x} different
compare  | how {x} (?:is|are) different (?:from|than|to) {y}
compare  | what (?:distinguishes|differentiates|separates|sets) {x} (?:from|apart from) {y}
compare  | what makes {x} different (?:from|to|than) {y}
compare  | (?:is|are) {x} the same(?: as {y}| thing)?
compare  | in what (?:way|ways|respects?) (?:do|does|is|are) {x} (?:differ|different) from {y}
compare  | {x} (?:vs|versus|v/s|compared to|compared with) {y}
todo     | what should i do if {x}
howto    | {x} , how {modal} {we} (?:do|achieve|accomplish|go about) (?:it|that|this|so)
howto    | (?:how (?:would|do|can|should|could) {we} go about) {x}
howto    | how {modal} {we} make {x} (?:faster|quicker|speedier)(?P<z> .+)?
howto    | how {modal} {we} {x}
works    | (?:how|{tell} how|how exactly) (?:do|does|did) {x} (?:work|works|function|operate)(?: internally| under the hood| exactly)? ?{y}?
works    | (?:{tell} )?how {x} (?:works?|functions|operates)(?: internally| under the hood)? ?{y}?
works    | (?:{tell} |what (?:is|are) )(?:the |its )?(?:inner |internal |basic )?(?:workings?|mechanism|mechanics|working principle|internals)(?: principle| mechanism)? (?:of|behind) {x}
works    | (?:{tell} )?(?:the )?(?:inner |internal )?workings? of {x}
works    | (?:{tell} )(?:the )?(?:inner |internal )workings? {x}
howto    | (?:what (?:is|are|was|were)|{tell}|{list}|tell me|show(?: me)?|is there|are there|what)? ?{best}{way} (?:to|for|of|that i use to|in which to|you use to) {x}
howto    | (?:what|which) (?:\w+ )?(?:steps|actions|measures|techniques|methods|strategies|approaches|ways|procedure|precautions) (?:must|do|should|can|could|would|are|will|have|may) ?{we}? ?(?:have to |need to |be |used to )?(?:follow|take|use|taken|followed|used|apply|employ|do|available|needed|required|perform)?(?: to| for| in order to| when) {x}
howto    | what (?:do|does|can|should|must|would|could|shall) {we} (?:have to |need to )?do (?:to|in order to) {x}
howto    | what (?:can|should|must|has to|needs to|could) be done (?:to|in order to) {x}
howto    | what is (?:needed|required|necessary) to {x}
howto    | is there (?:a|any) (?:way|method|trick) (?:to|of|for) {x}
howto    | (?:{tell} |show (?:me )?|tell me |teach me |demonstrate )?how (?:to|would {we} go about|do {we} go about|should {we} go about|can {we} go about) {x}
howto    | {x} , how {modal} {we} (?:do|achieve|accomplish|go about) (?:it|that|this|so)
howto    | {x} : how (?:is|are|to|do|can) ?(?:it|this|that|they|we|i|you)? ?(?:be )?(?:done|do it|do this|go|do)?
howto    | (?:write|give|create|develop|show|build)(?: me| us)? (?:a|an|the|some) (?:(?P<z>\w+) )?(?:query|program|function|script|code|command|snippet|statement)(?: in (?P<y>\w+))? (?:to|that|for|which) {x}
howlong  | how (?:much time|long|many (?:days|hours|weeks|minutes|months)) (?:does|do|did|will|would|should|can|might) (?:it )?(?:usually |normally |typically )?(?:take|need) (?:me )?(?:to|for|until|before) {x}
howlong  | how (?:much time|long|many (?:days|hours|weeks|minutes|months)) (?:does|do|did|will|would|should|can|might) {x} (?:usually |normally |typically )?(?:take|need|require)
howlong  | how (?:much time|long) {x}
howoften | how (?:often|frequently|many times) {x}
howmany  | (?:how many|what (?:is|are) the (?:number|count) of) {x}
what     | how many (?:types|kinds) of {x} (?:are there|exist) ?{y}?
howfar   | how (?:far|big|large|old|fast|tall|deep|high|heavy|hot|cold|soon|early|late|well|safe|accurate|reliable|familiar) {x}
what     | how much (?:does|do|did|will|would) {x} (?P<y>cost) ?{z}?
what     | (?P<y>how much) {be} {x}
howmuch  | how much {x}
howdoes  | how come {x}
howto    | (?:{tell} )?(?:how|the way|the way in which) (?:can|could|should|would|may|might|must|will) {x} be (?P<y>\w+) ?{z}?
howto    | (?:{tell} )?(?:how|the way|the way in which) {x} (?:can|could|should|would|may|might|must) be (?P<y>\w+) ?{z}?
howto    | how (?:i|you|we) (?:can |could |should |would |do )?{x}
howto    | how (?:is|are|was|were) {x} (?P<y>{ed})(?P<z> .+?)?
howto    | (?:{tell} )?(?:how|the way|the way in which) {x} (?:is|are|was|were|get|gets) (?P<y>{ed})(?P<z> .+?)?
relate   | (?:how (?:do|does|is|are) |{tell} how ){x} (?:relates?|related|connected) to {y}
works    | (?:{tell} )?how (?:do|does) (?P<y>\S+) (?:handle|support|manage|deal with|implement|perform|treat) {x}
howdoes  | (?:{tell} )?how (?:do|does|did|can|could|will|would|is|are) {x}
howdoes  | (?:{tell} )?how {x}
define   | what {modal} {we} (?:mean|understand|know|infer)(?: by| from| about| of)? (?:the )?(?:term |word |concept of |word of )?{x}
happens  | what if {x}
happens  | what (?:happens|would happen|will happen|occurs|goes wrong) {x}
define   | what (?:do|does|did) \w+ (?:mean|understand) by {x}
define   | what (?:does|do|did) (?:the (?:term|word|phrase|concept|acronym|abbreviation) )?{x} (?:mean|means|stand for|refer to|represent|signify|denote|describe)(?: by)? ?{y}?
define   | what (?:does|do) {x} do(?: exactly)? ?(?P<y>(?:in|for|when|inside) .+?)?
define   | what {be} (?:the )?(?:{purpose}|roles|functions) (?:of|for|behind|in) (?:using |calling |having |the use of |use of )?{x}
define   | what {be} (?:meant|understood|implied) by (?:the )?(?:term |word )?{x}
define   | what (?:can|could) you (?:tell|say) (?:me |us )?about {x}
define   | what (?:role|roles|purpose|function|part) (?:does|do|did) {x} (?:play|serve|have|fulfil|fulfill|perform) ?{y}?
define   | what (?:role|purpose|function) is (?:played|served) by {x}
define   | what {be} {x} (?:used for|for|good for|useful for|and why .*|about|all about|used)(?: (?P<y>in .+?))?
define   | what {modal} {we} (?:use|need) {x} for(?: (?P<y>in .+?))?
define   | why {be} (?:it )?{useful} to (?:use|have|know|understand|call|perform|do) {x}
define   | why {be} (?:the )?(?:use of )?{x} {useful}(?: (?P<y>(?:for|in|when|to|during|while|by) .+?))?
define   | why {be} there a need (?:for|of) {x}
define   | why (?:do|does|did|would|should|must|shall|is|are)? ?{we} (?:need|used|use|call|have to use|have to call|require|want to use|want) {x}
define   | why (?:use|used) {x}
define   | why {modal} {x} (?:matter|needed|important)(?: (?P<y>(?:for|in|when) .+?))?
howto    | {tell} (?:the )?(?:process|steps|procedure|method|way) (?:of|for|to|in|involved in) {x}
list     | {list} (?:me |us |out )?(?:some |a few |any |the |examples of |several )*{x}
list     | what {be} (?:some|a few|several|the most common|the most popular|some of the|examples of|common examples of|some examples of) {x}
list     | which {x} (?:exist|are there)
define   | (?:please )?{tell} (?:me |us |to me |to us |about |briefly |the |a |what is )*(?:(?:{purpose}) (?:of|behind|for) (?:using |the )?)?{x}
define   | (?:tell (?:me|us)|talk|know|read|learn|write|something|info|information|briefly)(?: about| on) {x}
define   | (?:a |an )?(?:introduction|intro|overview|summary|note|short note|brief note|primer|basics|definition|meaning|purpose|role|importance|significance|concept)(?: (?:of|to|on|about))+ {x}
define   | {x} :? (?:definition and purpose|definition|meaning|explained|overview|basics|definition and use|in a nutshell|purpose)
why      | why (?:does|do|did|would|can) {x} (?:happen|occur|arise|appear|take place|exist)(?P<y> .+)?
why      | (?:why|what causes|what (?:is|are) {the}(?:reasons?|causes?) (?:for|of|behind|that)|for what reason)(?: (?:is|are|was|were|does|did|do|has|have))? {x}
when     | (?:what|when) {be} (?:the |a |an )?(?:best |right |ideal |good |optimal |correct )?(?:time|moment|season|date)(?: of year)? (?:to|for) {x}
what     | what {be} {x}
avail    | {be} there (?:(?:a|an|any|some) )*{x}
what     | (?:at|in|on|for|from|with|by|to|under|of) (?:what|which) {x}
why      | {x} , why
what     | (?:what|which) {x}
when     | (?:when and why|why and when|when) {x}
when     | {x} : when (?:is|are|to|should|do) .+
where    | where {x}
who      | (?:who|whom|whose) {x}
eligible | (?:am i|are we|who is|are you) (?:eligible|qualified) (?:for|to (?:get|receive|apply for|claim)) {x}
eligible | (?:do|can) {we} qualify for {x}
can      | (?:is it (?:possible|ok|okay|allowed|permitted|fine|legal|safe)(?: for {we})? to|am i (?:allowed|able|permitted|entitled) to|are {we} (?:allowed|able|permitted) to) {x}
can      | (?:can|could|may) {we} {x}
polar    | (?P<y>is|are|was|were|do|does|did|can|could|may|might|should|will|would|has|have|had|must|am|shall) {x}
howto    | (?:i|we) (?:need|want|would|wish|have|am trying|try) (?:like )?to {x}
howto    | (?:i|we) (?:can|could|do) not (?:figure out )?how to {x}
"""

OPENERS = r"""
(?:i|we) (?:do not|did not|can not) (?:really |quite |fully )?(?:understand|get|know)(?= (?!how|what|why|when|where|which|who|if|whether|to)\S+ )
just|please|kindly|hi|hello|hey|so|ok|okay|well|also|then|now|and|but|briefly|shortly|simply|basically|quickly|exactly|sorry
(?:in|using) (?:your own|simple|short|brief|other|a few|layman|plain|simpler) (?:words?|terms?|english)
in (?:brief|short|detail|general|simple terms)
(?:can|could|would|will) (?:you|u|someone|anyone|anybody|somebody)(?: please| kindly| briefly| also| quickly)*(?= (?:explain|describe|tell|help|show|walk|give|elaborate|define|clarify|list|name|outline|discuss|compare|summarise|summarize|illustrate|provide|write|guide|teach|let|differentiate|distinguish|mention|state) )
(?:could|would|can|may|might) (?:i|we) (?:please )?(?:ask|know)(?: you)?
(?:i|we) (?:(?:would|really|just|do) )*(?:want|need|like|wish|love|am trying|try|am wondering|wonder|was wondering)(?: to)? (?:know|understand|learn|ask|find out|check|see|hear)?(?: about| if| whether)?(?= (?:how|what|why|when|where|which|who|is|are|can|do|does) )
(?:do|did) you (?:know|remember)(?= (?:how|what|why|when|where|which|who) )
(?:show|demonstrate|teach|illustrate)(?= how )
(?:tell|show|teach|remind|inform) (?:me|us)(?: please)?(?= (?:how|what|why|when|where|which|who|the) )
(?:walk|take|guide|talk) (?:me|us) through(?: the process of)?
help (?:me|us) (?:to )?(?:understand|know|learn)?
(?:any|some) (?:idea|ideas|clue|tips on|tips for|advice on|guidance on)(?= (?:how|what|why) )
(?:what is|is there) (?:your )?(?:understanding|take|view|opinion) (?:of|on)
explain(?: to me| to us| briefly| clearly| in detail| me)?(?= (?:what|why|when|where|which|who|the differences?|differences?) )
(?:describe|discuss|understand|clarify|outline|define|state|elaborate|illustrate)(?: to me)?(?= (?:what|why|when|where|which|who|the differences?|differences?) )
"""

CLOSERS = r"""
please|thanks|thank you|exactly|actually|briefly|explain|explain briefly|elaborate|discuss|describe
(?:with|using|give|giving|show|including|along with|provide)(?: me| us| an| a| some| suitable| few| the| one| relevant| your| simple| code| short| proper| real)* (?:examples?|code snippets?|snippets?|diagrams?|illustrations?|details?|code)
in (?:brief|short|detail|depth|simple terms|simple words|your own words|a nutshell|layman terms|a few words|general|details)
(?:step by step|for example|(?:any|some) (?:ideas?|tips|suggestions?|advice|help|hints?|thoughts|pointers)|from scratch|if any|if possible|etc|and so on|in practice|at all|nowadays|anyway|under the hood)
and (?:explain|give|provide|show|elaborate|discuss|describe)(?: me| us| an| a| some| suitable| few| the| it| them| each| briefly| with| in| detail| brief| each of them| one)*(?: examples?| code)?
(?:justify|explain|support) your answer|why or why not|give reasons?|explain why
"""

"""Other ways to put a question, and the plain one that each stands for.

A rule is `pattern => plain wording`, applied in order to the whole question: lower case, words and marks separated by
single spaces. Names in braces stand for the alternatives of `ingest.dedup.frames.MACROS` or of SHAPES; {x}, {y} and {s}
capture, and are put where they stand in the plain wording.
"""

# ruff: noqa: E501 - a rule is one line
from __future__ import annotations

import functools
import re

from ingest.dedup import frames

SHAPES: dict[str, str] = {
    "s": r"(?P<s>(?!(?:what|how|why|when|where|which|who|whom|is|are|was|were|do|does|did|can|could|should|would|will|may|must|in|explain|describe|define|compare|if|for)\b)\S+ .+?)",
    "np": r"(?P<np>(?:my|our|the|a|an) (?:(?!(?:is|are|was|were|has|have|does|do|did|can|will|not|needs?|keeps?|stays?|got|gets|when|while|if|and|but|that|which|to|for|in|on|at|from|by|with)\b)\w+ ?){1,4}?)",
    "sep": r"(?: [.,;:!])+",
    "now": r"(?: (?:now|next|then|about it|about this|about that|in this case|in that case|to do))*",
    "may": r"(?:should|can|do|must|could|shall|would|will|does|did|may|might)",
    "it": r"(?:it|this|that|them|these|those)",
    "look": r"(?:find|see|check|view|look up|look at|locate|access|look for|look|read)",
    "act": r"\w{2,}(?:ion|ment|al|ing|ery|ure|up|out|checkin)",
    "cmd": r"(?:command|statement|query|code|shortcut|syntax|commands)",
}

REWRITES = r"""
(?:{tell} |show |tell (?:me|us) )?(?:how|where|in (?:what|which) (?:way|ways|respects?|aspects?|regard))(?: (?:do|does|did|is|are|can|could|would))? (?P<x>(?!{we}\b).+?) (?:and|or) (?P<y>.+?) (?:differ|differs|compare|diverge|different|be distinguished|be told apart|be differentiated|differentiated|distinguished)(?: from (?:each other|one another))?(?P<z>(?: in .+)?) => difference between {x} and {y}{z}
(?:{tell} |show |tell (?:me|us) )?how (?P<x>(?!{we}\b|do\b|does\b|is\b|are\b|can\b).+?) (?:differs?|is different|are different) (?:from|to|than) (?P<y>.+) => difference between {x} and {y}
how (?:can|could|may|would|do|does|should) (?P<x>.+?) be (?:distinguished|differentiated|told apart|told) from (?P<y>.+) => difference between {x} and {y}
how (?:can|could|would|do|should) {we} (?:tell|distinguish|differentiate)(?: between)? (?P<x>.+?) (?:from|apart from|and) (?P<y>.+) => difference between {x} and {y}
how (?:different|distinct|similar) (?:is|are) (?P<x>.+?) (?:and|from|to) (?P<y>.+) => difference between {x} and {y}
how (?:is|are) (?P<x>.+?) unlike (?P<y>.+) => difference between {x} and {y}
what is (?:the )?(?:different|distinct) (?:about|between|in) (?P<x>.+?) (?:and|from) (?P<y>.+) => difference between {x} and {y}
(?P<x>(?!(?:what|how|why|when|where|which|is|are|do|does|can|should|would|if)\b)[^.,;:]+?) (?:and|or) (?P<y>[^.,;:]+?) (?:compared|contrasted) => difference between {x} and {y}
(?P<x>(?!(?:what|how|why|when|where|which|is|are|do|does|can|should|would|if)\b)[^.,;:]+?) as opposed to (?P<y>[^.,;:]+) => difference between {x} and {y}
(?:what|which)(?: one| option| choice)? (?:is|are|would be) (?:the )?(?:better|best|preferable)(?: one| choice| option)?(?: [:,])* (?P<x>.+? or .+) => which is better , {x}
which(?: one)? of (?P<x>.+?) (?:and|or) (?P<y>.+?) (?:is|are|would be) (?:the )?(?:better|best|preferable)(?: one| choice| option)? => which is better , {x} or {y}
which(?: one)?(?: of them)? (?:should|do|would|shall|to) ?{we}? ?(?:use|choose|pick|select|take|buy|prefer)(?: [:,])* (?P<x>.+? or .+) => which is better , {x}
(?:will|would) {we} be (?:able|allowed|permitted|free) to (?P<x>.+) => can i {x}
(?:do|does|did) {we} have (?:the |a )?(?:permission|right|authority|freedom|authorisation|authorization) to (?P<x>.+) => can i {x}
(?:what|which) (?P<y>advantages?|benefits?|disadvantages?|drawbacks?|limitations?|features?|characteristics?|properties|components?|parts|elements|risks?|symptoms?|types|kinds|phases|stages|applications?|uses) (?:does|do|can|would) (?P<x>.+?) (?:offer|have|bring|provide|give|present|possess|involve|carry|include|consist of|come with|entail) => what are the {y} of {x}
(?:in|by) (?:what|which) (?:way|ways|manner|means|method) (?P<x>(?:can|could|do|does|is|are|should|would|may) .+) => how {x}
(?:teach|show) (?:me|us) (?:how )?to (?P<x>.+) => how to {x}
what (?:does|would|will|do) it take to (?P<x>.+) => how to {x}
what (?:would|could|might|will|should) be (?:the|a|an|your|some) (?:\w+ )?(?:way|ways|method|methods|approach|approaches|procedure|process|steps?) (?:to|of|for) (?P<x>.+) => how to {x}
what is (?:involved in|needed for|required for) (?P<x>\w+ing .+) => how to {x}
how (?:would|can|could) you (?:describe|explain|characterise|characterize) (?P<x>(?!your|my).+?)(?: to (?:a|an|your|someone|somebody|my|the) [^,.;:]+)? => what is {x}
how would {we} define (?P<x>(?!.* (?:in|with|using) ).+) => what is {x}
outline (?P<x>(?:the )?(?:concept|idea|notion|purpose|role|meaning|definition|basics) .+) => explain {x}
(?P<x>(?!(?:what|how|why|when|where|which|who|is|are|do|does|can|should|would|if|explain|describe|define|discuss)\b)[^.,;:]+?) and (?:its|their) (?:purpose|role|uses?|meaning|function|significance|importance|definition)s? => what is {x}
(?:as of|since|from) when (?P<x>(?:is|are|do|does|can|should|will|was|were|must|may) .+) => when {x}
what are we talking about when we (?:say|speak of|talk about|mention) (?P<x>.+) => what is {x}
what (?:is|was) (?:exactly |really |actually )?(?:exactly |really |actually )?meant by (?P<x>.+) => what is {x}
what (?:exactly|really|actually) (?P<y>(?:is|are|does|do|was|were) .+) => what {y}
(?:is|are) (?P<x>(?!there\b|it\b).+?) (?:different|distinct) (?:from|to|than) (?P<y>.+) => difference between {x} and {y}
(?:is|are) there (?:a|any) (?:differences?|distinctions?) between (?P<x>.+) => difference between {x}
(?:is it|would it be) (?:better|best|preferable|wiser|cheaper|smarter) to (?:use |choose |buy |take |get |pick |select |have )?(?P<x>.+? or .+) => which is better , {x}
(?:should|shall|do|would) {we} (?:go with|go for|prefer|opt for|take|buy|get|use|choose|pick|select|learn) (?P<x>.+? or .+) => which is better , {x}
(?:which|what)(?: one)? (?:should|shall|would|do|must|can) {we} (?:go with|go for|prefer|opt for|take|buy|get|use|choose|pick|select|learn)(?: [:,])* (?P<x>.+? or .+) => which is better , {x}
(?:give|write|state|provide|present|i need|i want|need|want)(?: me| us| down)?(?: (?:,|a|an|the|some|your|and|short|brief|simple|concise|quick|clear|small|detailed|basic|formal|precise|one|line|good|general|proper|few|two|plain|rough))* (?:(?:notes?|explanations?|definitions?|descriptions?|overview|summary|introduction|intro|account|outline|meaning|idea|words|lines|purpose|essay|paragraph)(?: (?:of|on|about|regarding))+|(?:introduction|intro) to|definition for) (?P<x>.+) => explain {x}
(?:can|could|may) {we} (?:get|have)(?: (?:,|a|an|the|some|your|and|short|brief|simple|concise|quick|clear|small|detailed|basic|formal|precise|one|line|good|general|proper|few|two|plain|rough))* (?:note|explanation|definition|introduction) (?:of|on|about|to|for) (?P<x>.+) => explain {x}
state (?P<x>(?:(?:the|a|an|any|some|what|how|why|two|three|its)\b|(?:\w+ ){1,3}(?:laws?|theorem|principle|rule|lemma|hypothesis|differences?|advantages|disadvantages|uses|types|properties)\b).*) => explain {x}
(?:(?:a|an|the|short|brief|simple|concise|quick|clear|detailed|basic|formal) )*(?:note|notes|explanation|definition|description|overview|summary|introduction|intro|explainer|primer)(?: (?:of|on|about|for|to|regarding))+ (?P<x>.+) => explain {x}
(?P<x>.+?)(?: ,)? (?:vs|versus|v/s) (?P<y>.+?) (?:differences?|distinctions?|comparison|compared|explained) => difference between {x} and {y}
compare (?P<x>.+?) (?:with|to|against) (?P<y>.+) => difference between {x} and {y}
(?:(?:the|main|key|any|a|what is|what are|explain|describe|state|list|give|tell|me|is|are|there) )*(?:differences?|distinctions?|contrast) (?:between|of|among) (?P<x>.+?) (?:from|with|to|versus|vs|or) (?P<y>.+) => difference between {x} and {y}
(?P<x>(?!(?:how|what|why|in what|do|does)\b).+?) (?:differs?|is different|are different) from (?P<y>.+?)(?: (?:in )?(?:how|what way|which way|what respects?))? => difference between {x} and {y}
(?:what|which) (?:features|things|aspects|properties) (?:distinguish|differentiate|separate|set apart) (?P<x>.+?) (?:from|and) (?P<y>.+) => difference between {x} and {y}
(?:is|would|was|will) it (?:be )?(?:possible|okay|ok|fine|allowed|permitted|acceptable|alright|legal|safe) for (?P<x>(?!{we} to\b).+?) to (?P<y>.+) => can {x} {y}
(?:are|is) (?P<x>(?!{we}\b|it\b|there\b|this\b).+?) (?:allowed|permitted|able|entitled|authorised|authorized|free) to (?P<y>.+) => can {x} {y}
(?:could|may|might) (?P<x>.+) => can {x}
(?:have you got|have they got)(?: (?:any|some|a|an))* (?P<x>.+) => is there {x}
(?:do|does|can|will) (?:you|they|we|your \w+)(?: guys| currently| also| still| happen to)* (?:offer|have|sell|stock|carry|provide|supply)(?: (?:me|us|any|some|a|an|for sale))* (?P<x>(?!to\b|me\b|i\b).+) => is there {x}
(?:is|are)(?: there)?(?: (?:any|some|a|an))* (?P<x>(?!it\b|this\b).+?) (?:available|on offer|offered|sold|in stock|on sale|for sale|stocked|obtainable|to be had)(?P<y>(?: (?!to be\b).+)?) => is there {x}{y}
(?:can|could) {we} (?:get|buy|purchase|find|have|obtain|order)(?: (?:any|some|a|an))* (?P<x>.+?) (?:from you|at your \w+|in your \w+|with you|here) => is there {x}
where (?:can|could|may|might|will|would|should) (?P<x>.+?) be (?:found|seen|located|viewed|checked|accessed|looked up|read) => how to find {x}
where (?:is|are) (?P<x>(?:my|our|your) .+?) (?:found|located|shown|displayed|written|stated|printed|listed|to be found) => how to find {x}
(?:from|since|starting) (?:what|which) (?:time|date|day|hour|month)(?: on| onwards| of (?:the )?\w+)? (?P<x>(?:is|are|do|does|can|should|will|was|were|must|may) .+) => when {x}
what validity {modal} (?P<x>.+?) (?:need|require|have)(?: to have)? => how long must {x} be valid
what (?:length|duration) (?:must|should|does|do) (?P<x>.+?) (?:need|require|have|be)(?: to have| to be)? => how long must {x} be
what size (?:must|should|does|do|can) (?P<x>.+?) (?:need|require|have|be)(?: to have| to be)? => how big must {x} be
what age (?:must|should|does|do) (?P<x>.+?) (?:need|require|have|be)(?: to have| to be)? => how old must {x} be
why (?:does|do|did) (?P<y>(?!{we}\b|my\b|our\b|the\b|it\b|your\b)\w+(?: \w+)?) use (?P<x>(?!so\b|too\b|much\b|more\b|less\b).+) => what is {x} in {y}
(?:count|find|get|compute|calculate|determine|check|print|show|obtain)(?: out)? the (?:total |exact )?(?:number|count) of (?P<x>.+) => how many {x}
(?:i|we) (?:want|need|plan|wish|intend|would like|am going|am planning|are going|are planning|have decided) to (?P<x>[^.,;:]+?){sep} (?P<y>(?:how (?:much|many|long|often|soon)|what|which|who|when|where|do|does|is|are|must) (?!.*\b{it}\b).+) => {y} if i {x}
(?P<x>.+?) (?:un|not )able to (?P<y>.+) => {x} can not {y}
{s}{sep} (?:why|how come)(?: is (?:that|this|it)(?: so)?| so| does (?:this|that|it) happen)? => why {s}
{s}{sep} what (?:is|was|are|could be|might be|can be) (?:the )?(?:possible |main |likely )?(?:reasons?|causes?|problem|matter|wrong)(?: for (?:it|this|that)| behind (?:it|this|that)| of (?:it|this|that))? => why {s}
{s}{sep} (?:what {may} {we} (?:have to |need to )?do|what (?:to do|now|next)|what (?:steps|action|actions) should {we} take){now} => what should i do if {s}
{s}{sep} what (?:happens|will happen|would happen|are the consequences){now} => what happens if {s}
{s}{sep} how (?:can|could) (?:that|this|it) be => why {s}
(?!.*\bdo (?:it|that|this|so)\b)(?:i|we) (?:(?:have|had|just|already|recently|want to|would like to|need to|accidentally) )*\w+ {np}{sep} (?P<y>(?:how|can|what|where|when|who|which) .+?) {it}(?P<z>(?: .+)?) => {y} {np}{z}
{np} (?:(?:is|are|was|were|has|have|does|do|did|keeps?|stays?|got|gets|looks?|seems?|tastes?|feels?|will|can|won|became) ).{{0,60}}?{sep} (?P<y>how (?:can|do|could|should|to|would|must) (?!(?:{we} )?(?:do|go|fix|solve|be) ).+?) {it}(?P<z>(?: .+)?) => {y} {np}{z}
(?P<x>[^.,;:]+?)(?: [-.,;:])* (?:what (?:is|are|does|do) (?:it|they|that|this|these)(?: mean| about| exactly| all about| for| used for| do)*|what is meant by (?:it|this|that|them)) => what is {x}
(?P<x>[^.,;:]+?)(?: [-.,;:])+ how (?:does|do) (?:it|they|this|that) work => how does {x} work
(?:what is |what are |the )?(?P<x>[^.,;:]+?)(?: [-.,;:])* (?:explained|explanation|in simple terms|made simple|in plain english|for beginners) => what is {x}
what (?:does|do) it mean (?:to (?:have |be )?|when |if )(?P<x>.+) => what is {x}
what do people (?:mean|understand) by (?P<x>.+) => what is {x}
what (?:does|do) (?P<x>.+?) (?:say|state|show|measure|tell {we}|express|indicate|mean in practice) => what is {x}
what (?:is|are|was|were|could be|can be|might be) (?:the )?(?:main |possible |most common |common |likely )?(?:reasons?|causes?) (?:(?:that|why|for which|for|of|behind|as to why) )?(?P<x>.+) => why {x}
for (?:what|which) (?:reason|reasons) (?:is|are|does|do|did|was|were|has|have|can|will|would) (?P<x>.+) => why {x}
(?:reasons? (?:for|why|behind|that)|causes? of) (?P<x>.+) => why {x}
what (?:makes?|made|leads?|led|causes?|caused|is causing|triggers?) (?P<x>(?!.*\b(?:different|unique|special|differ|distinct)\b).+) => why {x}
why (?:is|does) it (?:happen )?that (?P<x>.+) => why {x}
(?:what is|what are|give|write|show) (?:the |a |an )?(?:\w+ )?{cmd} (?:to|for|that|which|used to|used for) (?P<x>.+) => how to {x}
(?:what is|write|give|state) the (?:formula|equation|calculation) (?:for|of|to) (?P<x>.+) => how to calculate {x}
(?:what|which) (?:techniques?|methods?|measures?|strategies|strategy|approach|approaches|tools?|ways?|steps) (?:help|helps|can help|could help|may help|exist|are there|work|are available|are used|can be used|are common|are commonly used|are recommended)(?: {we})?(?: best| well)? (?:to|for|in|with|against|of) (?P<x>.+) => how to {x}
(?:at |on |by )?(?:what|which) (?:time|date|day|days|hours|month)(?: of (?:the )?\w+)? (?P<x>(?:is|are|do|does|did|can|should|will|was|were|must) .+) => when {x}
(?P<y>when (?:should|would|do|to|can) ?(?:{we} )?(?:use|choose|prefer|pick|select)) (?P<x>.+?) (?:over|rather than) (?P<z>.+) => {y} {x} instead of {z}
how {modal} {we} (?:keep|stop|prevent) (?P<x>.+?) from (?P<y>\w+ing)(?P<z>(?: .+)?) => how to prevent {x} {y}{z}
how {modal} {we} (?:keep|stop) (?P<x>.+?) (?P<y>\w+ing) => how to prevent {x} {y}
what {modal} {we} do (?:with|about) (?P<x>(?!it\b|them\b|this\b|that\b|my\b|the\b).+) => how to handle {x}
(?P<y>how {modal} {we}|how to) (?:find|get|know|check|see|obtain|determine)(?: out)? the (?:total |exact )?(?:number|count) of (?P<x>.+) => how many {x}
(?:what|which) {cmd} (?:is|are|can be|should be|do {we}|can {we}|should {we}|would {we}|will) (?:used? )?(?:to |for |in order to )?(?P<x>.+) => how to {x}
(?:what|which) {cmd} (?P<x>\w+s (?!of\b).+) => how to {x}
(?:sql )?(?:query|command|code|program|function|script|statement) (?:to|for|that) (?P<x>.+) => how to {x}
(?:in|from|on|at) (?:what|which) (?:place|places|location|section|page|menu) (?:can|do|could|should|will|would) {we} {look} (?P<x>.+) => how to find {x}
where (?:can|do|could|should|will|would|might|may|to) ?{we}? ?(?:go to )?{look} (?P<x>.+) => how to find {x}
(?:what|which) (?:should|must|can|could|do|would|shall|will|am|are|is)(?: {we})?(?: to| have to| need to| supposed to| be)? (?:do|done) (?:if|when|once|in case|in case of|in the event that|in the event of|in the case of) (?P<x>.+) => what should i do if {x}
(?P<x>[^.,;:?]+?)(?: [.,;:])+ what (?:to do|should {we} do|can {we} do) => what should i do if {x}
what (?:to do|actions? (?:to|should {we}|must {we}) (?:take|do)|steps? (?:to|should {we}|must {we}) (?:take|do)) (?:if|when|once|in case|in case of|in the event of|after) (?P<x>.+) => what should i do if {x}
how (?:should|do|can) {we} (?:act|proceed|react|respond) (?:if|when|in case|in case of) (?P<x>.+) => what should i do if {x}
(?:if|when|in case) (?P<x>[^,?]+?) , (?:what (?:should|can|do|must|could) {we} do|what to do) => what should i do if {x}
(?:if|when) (?P<x>[^,?]+?) , what (?:happens|will happen|would happen) => what happens if {x}
what (?:are|is|will be|would be) the (?:consequences?|results?|outcomes?) (?:if|when|of|for) (?P<x>.+) => what happens if {x}
what (?:is|are) going to happen (?:if|when) (?P<x>.+) => what happens if {x}
what (?:happens|will happen|would happen) (?:when|once|in case|in the case) (?P<x>.+) => what happens if {x}
how (?:soon|fast|quickly|early|promptly) (?:will|can|do|does|would|should|could|may|might) (?P<x>.+) => when will {x}
(?:by when|how long until|how long before|how long till|how much time until|how many days until|how many days before) (?:will |can |do |does |would |should )?(?P<x>.+) => when will {x}
when (?:can|should|may|might|could|do|would) (?:i|we|you|customers) expect (?:to (?:get|receive|see|have) )?(?P<x>.+) => when will i get {x}
how long is the (?P<x>(?:\w+ ){{0,2}}(?:processing|delivery|shipping|waiting|response|turnaround|approval|preparation|cooking|transit|handling|travel|recovery)) time => how long does it take to {x}
what is the (?:expected |average |usual |typical |normal )?(?:(?P<y>\w+(?:ing|ion|al|ery)|response|transit|lead|wait) )?(?:time|time frame|timeframe|turnaround) (?:for|of|to|needed for|required for|needed to|required to|it takes to) (?P<x>.+) => how long does it take to {y} {x}
(?:what is )?(?:the )?(?:expected |average |usual |typical |normal )?(?P<x>(?:\w+ ){{0,2}}(?:processing|delivery|shipping|waiting|response|turnaround|approval|preparation|cooking|baking|boiling|roasting|transit|handling|travel|recovery)) time => how long does it take to {x}
how (?:long|much time) (?:does|do|did|will|would|can|might) (?P<x>(?!it ).+?) (?:usually |normally |typically )?take to (?:be )?(?P<y>\w+)(?P<z>(?: .+)?) => how long does it take to {y} {x}{z}
how long (?:do|does|will|would|did) {we} have (?:left )?to (?P<x>.+) => what is the deadline to {x}
(?:by what (?:date|time)|until when|till when|what is the (?:last|latest) (?:date|day|time)|when is the (?:last|latest) (?:date|day|time)|by when|what is the (?:cutoff|cut off)(?: date)?|when must|how late) (?:can |do |does |must |should |may )?(?:{we} )?(?:have to |need to )?(?:to |for )?(?P<x>.+) => what is the deadline to {x}
what is the (?:length|duration) of (?P<x>.+? period.*) => what is {x}
what is the (?:length|duration) of (?P<x>.+) => how long is {x}
(?:how long|for how long) (?:can|may|should|could|will|do|does|is|are) (?:{we} )?(?:keep|store|save|leave|use|hold|safe|be kept|be stored) (?P<x>.+) => how long does {x} last
(?:how long|for how long) (?:can|may|should|could|will) (?P<x>.+?) be (?:kept|stored|left|used)(?P<y>(?: .+)?) => how long does {x} last{y}
(?:how long|for how long) (?:do|does|will|would|is|are) (?P<x>.+?) (?:last|keep|good|good for|stay fresh|remain good|stay good|safe|usable|edible|remain fresh)(?P<y>(?: .+)?) => how long does {x} last{y}
what is the (?:shelf life|lifetime|lifespan) of (?P<x>.+) => how long does {x} last
(?P<y>.+?) how (?:much|many) (?:more )?(?P<x>.+?) (?:do|does|have|is|are|i|we|you)(?: {we})?(?: still)?(?: have| got| has)*(?: left| remaining)(?P<z>(?: .+)?) => {y} my remaining {x}{z}
how (?:much|many) (?:more )?(?P<x>.+?) (?:do|does|have|is|are|i|we|you)(?: {we})?(?: still)?(?: have| got| has)*(?: left| remaining)(?P<z>(?: .+)?) => how much remaining {x}{z}
what (?:is|are) (?:my|your|our|the) (?P<x>(?:.+ )?)(?:remaining|unused|outstanding|leftover|available) (?P<y>.+) => how much remaining {x}{y}
what is (?:my|our|your) (?P<x>(?!account |card |bank |current |work |life )\w+(?: \w+)?) balance => how much remaining {x}
how (?:much time|long) (?:is|are) (?:needed|required|necessary) (?:to|for) (?P<x>.+) => how long does it take to {x}
for how long (?P<x>.+) => how long {x}
what is the (?:maximum|max|total|largest|greatest|highest)? ?(?:number|amount|quantity) of (?P<x>.+?) (?:that )?(?P<y>{we} (?:can|may|could|am|are|have) .+) => how many {x} {y}
what (?:is|are) the (?:opening|business|working|office|operating|trading) (?:hours|times|time) (?:of|for|at) (?P<x>.+) => when is {x} open
what (?:is|are) (?P<x>.+?) (?:opening|business|working|office|operating|trading) (?:hours|times) => when is {x} open
(?:at|during|between) (?:what|which) (?:times|hours) (?P<x>(?:is|are|do|does|can) .+) => when {x}
(?:is|are|was|were) (?P<x>.+?) (?P<y>\w+ed) (?:by|under) (?P<z>.+) => does {z} {y} {x}
what (?:is|are) (?:my|the|our|your) (?P<x>(?!time |age |speed )(?:\w+ ){{1,3}}?)(?:allowance|entitlement|quota|limit|cap|limits)(?P<y>(?: (?:for|per|on|in|of) .+)?) => how much {x} can i get{y}
what (?P<x>\w+(?: \w+)?) (?:am|are) {we} (?:entitled|allowed|eligible) to(?: .+)? => how much {x} can i get
what {modal} {we} use (?:instead of|in place of|as an? (?:substitute|replacement|alternative) (?:for|to)|rather than) (?P<x>.+) => what is alternative of {x}
(?:(?:what|which) (?:is|are|would be|can be|could be)|is there|are there) (?:a |an |the |some |any |good |possible |best |common )*(?:substitutes?|replacements?|alternatives?) (?:for|to|of) (?P<x>.+) => what is alternative of {x}
(?:what|with what) {modal} (?:{we} )?(?P<x>.+?) be (?:replaced|substituted) (?:with|by) => what is alternative of {x}
what {modal} {we} (?:replace|substitute) (?P<x>.+?) (?:with|by) => what is alternative of {x}
when (?:is|are) (?P<x>.+) due => what is the deadline to {x}
what is the due date (?:of|for) (?P<x>.+) => what is the deadline to {x}
how {modal} {we} make (?P<x>.+?) (?P<y>(?!fast|quick|speed|better|longer|other|never|number|over|under)\w{{3,}}er) => how to {y} {x}
what {modal} {we} (?:have to )?(?:pay|charge|get charged|owe) (?:to|for) (?P<x>.+) => how much does {x} cost
how much {modal} {we} (?:have to |need to )?(?:pay|charge|spend|get charged)(?: me| us)? (?:to|for|on) (?P<x>.+) => how much does {x} cost
how expensive (?:is|are) (?P<x>.+) => how much does {x} cost
what (?:does|do|will|would) (?P<x>.+?) cost(?P<y>(?: .+)?) => how much does {x} cost{y}
(?:are there|is there) (?:any |a |an )?(?:fees?|charges?|costs?) (?:to|for|when) (?P<x>.+) => does it cost to {x}
(?:do|does) (?:{we} )(?:need|require|have to have|must have)(?: to have| to get)? (?P<x>(?!to ).+) => is {x} required
(?:do|does) (?P<y>(?!{we}\b).+?) (?:need|require)(?: to have)? (?P<x>(?!to ).+) => is {x} required {y}
(?:is|are) (?P<x>.+?) (?:necessary|mandatory|compulsory|needed|obligatory|required)(?P<y>(?: .+)?) => is {x} required{y}
is it (?:necessary|mandatory|compulsory|required|obligatory|needed)(?: for {we})? to (?P<x>.+) => must i {x}
(?:do|does) {we} (?:have|need) to (?P<x>.+) => must i {x}
(?:am|are) {we} (?:required|obliged|obligated|forced) to (?P<x>.+) => must i {x}
(?:is|are) {we} (?:allowed|permitted|able|free|authorised|authorized|entitled) to (?P<x>.+) => can i {x}
(?:is it|would it be|will it be) (?:possible|okay|ok|fine|allowed|permitted|acceptable|alright|legal|safe)(?: for {we})? (?:to|if {we}) (?P<x>.+) => can i {x}
(?:is|are|would) (?P<x>(?!it\b|this\b|that\b).+?) (?:allowed|permitted|possible|acceptable)(?P<y>(?: .+)?) => can i {x}{y}
is there (?:a|any) (?:way|possibility|option|chance|method|trick) (?:(?:that|for) {we} (?:can |to )?|to|of|for) ?(?P<x>.+) => how to {x}
do you (?:allow|permit|support|let)(?: {we}| me| us)?(?: to)? (?P<x>.+) => can i {x}
(?:do|can) (?:i|we) have the (?:option|right|possibility) (?:to|of) (?P<x>.+) => can i {x}
(?:what is|what are|describe|explain|outline) (?:the|your) (?!best |right )(?P<x>(?!.*\bbetween\b)(?:\w+ )*?{act}) (?:process|procedure)(?P<y>(?: (?:for|of|in) .+)?) => how to {x}{y}
(?P<x>(?!define |explain |describe |discuss |what |how )(?:\w+ ){{0,5}}?{act}) (?:process|procedure|steps) => how to {x}
(?P<x>(?!define |explain |describe |discuss |what |how )(?:\w+ ){{1,6}}?)(?:instructions|walkthrough|tutorial|how to guide|howto|how to|step by step)(?P<y>(?: for .+)?) => how to {x}{y}
(?:a )?(?:guide|guidelines?|instructions|tips|advice|tricks|hints|best practices|recommendations|options|possibilities|help) (?:to|for|on|about|of|with) (?P<x>.+) => how to {x}
(?:what are|are there|give|share|list|any)(?: me)?(?: the| some| any| your)*(?: best| good| useful)? (?:tips|tricks|guidelines|hints|best practices|recommendations|options|possibilities) (?:to|for|on|about|of) (?P<x>.+) => how to {x}
(?:need|looking for|i need|i want|i would like)(?: some| a bit of)? (?:help|assistance|guidance|advice|information|info)(?: with| on| about| in| regarding| for)* (?P<x>\w+ing .+) => how to {x}
(?:i|we) (?:do not|did not|can not)(?: really| quite)? (?:understand|know|get|find|figure out|remember|see) (?P<x>(?:how|what|why|when|where|which|who) .+) => {x}
(?:i|we) (?:am|are) (?:trying|attempting|planning|hoping|about|looking|wanting|struggling|supposed) to (?P<x>[^.,;?]+) => how to {x}
how (?:does|do|would|can|could|should) (?:one|someone|somebody|a person|anyone|a user|a customer|a developer|a programmer|a beginner|people|we all|an employee|employees|students|a student|a team|a company|customers|users) (?P<x>.+) => how do i {x}
how (?:am|are) {we} (?:supposed|meant|expected|going) to (?P<x>.+) => how do i {x}
how (?:might|ought|must) {we} (?:to )?(?P<x>.+) => how do i {x}
what is the (?:correct|right|best|proper|recommended|easiest|simplest|quickest|fastest|usual|standard|preferred|safest|ideal)(?: and \w+)? (?:way|method|approach|procedure|practice) (?:for|of|to|in) (?P<x>.+) => how to {x}
"""


@functools.cache
def _rules() -> tuple[tuple[re.Pattern[str], str], ...]:
    found = []
    for line in REWRITES.strip().splitlines():
        pattern, _, plain = line.partition(" => ")
        for name, shape in (*SHAPES.items(), *frames.MACROS.items()):
            if name not in {"x", "y", "z"}:
                pattern = pattern.replace("{" + name + "}", shape)
        found.append((re.compile(pattern.strip().replace("{{", "{").replace("}}", "}") + "$"), plain.strip()))
    return tuple(found)


@functools.lru_cache(maxsize=1 << 17)
def plain(text: str) -> str:
    """The wording after every rule that fits it, each once."""
    text = _NOMINAL.sub(r"\1 ", text)
    text = _DEPLOY.sub(lambda match: f"deploy{(match['ing'] or '')[-3:]} {match['x']}", text)
    text = _MADE.sub(r"\1 ", _DEPLOYED.sub(r"\1", text))
    for pattern, wording in _rules():
        if match := pattern.match(text):
            groups = {name: (value or "").strip() for name, value in match.groupdict().items()}
            text = " ".join(_PLACE.sub(lambda place, groups=groups: f" {groups[place[1]]} ", wording).split())  # type: ignore[misc]
    return text


_NOMINAL = re.compile(
    r"\b(?:make|making|do|doing|perform|performing|carry out|carrying out|conduct|run|take|execute) (?:a |an |the )?"
    r"(\w{3,}(?:[ai]tion|[st]ion|ment|wal|val|sis|ysis|backup)) (?:of|on|to|for) (?:the )?"
)
"""A light verb and the noun of an action ("perform the conversion of ...")."""
_DEPLOY = re.compile(
    r"\b(?:put|bring|take|get|move|push)(?P<ing>(?:t)?ing)? (?P<x>(?:\S+ ){1,6}?)(?:in|to|into) production\b"
)
_DEPLOYED = re.compile(r"\b(deploy(?:ed|ing|ment of)? .+?) (?:in|into|to) production\b")
_MADE = re.compile(
    r"\b((?:a|an|my|your) \w+) (?:(?:that|which) (?:is|was) )?(?:written|built|implemented|created|made|developed) "
    r"(?=(?:in|with|using) )"
)
_PLACE = re.compile(r"\{(\w+)\}")

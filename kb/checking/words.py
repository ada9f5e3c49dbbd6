"""Closed classes of English words, and words that look like something that they are not."""

# ruff: noqa: SIM905 - lists of quoted words read worse

from __future__ import annotations

NOT_ADVERBS = frozenset(
    """
    family supply assembly anomaly monopoly reply apply daily early weekly monthly yearly july italy rely
    """.split()
)

FUNCTION_WORDS = frozenset(
    """
    a an the this that these those such it its itself they them their theirs he him his she her we us our you your
    yours i me my who whom whose which what where when why how there here is are was were be been being am do does
    did doing have has had having will would shall should can could may might must not no nor neither never none
    nobody nothing without cannot and or but if unless because since while whereas although though so yet than then
    as of in on at by for with about into onto to from through during before after above below under over between
    among against within via per until till upon across along around behind beside beyond near toward towards up
    down out both either each every all any some most many few only just also too even more less least let let's
    once whenever wherever whether except instead_of despite including else himself herself themselves ourselves
    yourself unlike like out_of again
    """.split()
)

PREPOSITIONS = frozenset(
    """
    of in on at by for with about into onto to from through during before after above below under over between among
    against within via per until till upon across along around behind beside beyond near toward towards without than
    instead_of despite including as inside outside unlike like out_of except
    """.split()
)

DETERMINERS = frozenset(
    """
    a an the this that these those its their his her our your my each every all any some no both
    """.split()
)

PRONOUNS = frozenset("it they them its their this these that those he she him his her such one both which who".split())

BE = frozenset("is are was were be been being am get gets got become becomes".split())

MODALS = frozenset("will would shall should can could may might must cannot do does did".split())

AUXILIARIES = BE | MODALS | {"have", "has", "had"}

VERB_PARTICLES = frozenset("off out up down back away on in over aside".split())
# Those that can stand apart from their verb without being a preposition.
PARTICLES = frozenset("off out up down back away on".split())

GLUED_PREFIXES = frozenset("pre re non co un multi sub anti semi inter over under".split())

NO_DEGREE = frozenset(
    """
    number server user layer under over after other either whether never ever order paper water power member offer
    answer buffer border corner center computer parameter parameters enter filter folder header helper later letter
    matter manager master meter owner pointer printer register render rather router timer trigger weather winter
    summer finger transfer super upper inner outer per her together however proper consider remember trainer
    container docker kernel encoder decoder customer employer worker lawyer teacher driver carrier cover test rest
    best latest request interest forest harvest invest suggest digest west east nest guest honest contest cluster
    scheduler optimizer transformer classifier tokenizer browser editor compiler interpreter controller adapter
    butter pepper dinner supper oyster ginger copper silver timber rubber leather river tower flower shower chapter
    """.split()
)

ADJECTIVES = frozenset(
    """
    big small large little long short high low tall wide narrow deep shallow fast slow quick early late old young
    new strong weak hard easy soft loud quiet bright dark light heavy thick thin hot cold warm cool dry wet clean
    dirty cheap rich poor safe smart simple close near fine coarse great good bad few rare common dense sparse
    smooth rough sharp blunt tight loose fresh stale sweet sour bitter mild severe happy sad busy noisy healthy tiny
    huge broad steep flat full empty clear sticky gummy clever wise nice pure plain stable costly friendly lean
    rigid brief strict grainy hardy tough tender ripe dull pale faint lively angry hungry thirsty ugly pretty lazy
    crazy risky tricky
    """.split()
)

MODAL_ONLY = frozenset("will would shall should can could may might must cannot".split())

CLAUSE_STARTS = frozenset(
    "but which that who if when because while whereas unless although once until where so".split()
)

SKIPPED = frozenset(
    """
    not never also always often usually only just then typically generally automatically randomly still
    """.split()
)

CERTAIN_SUBJECTS = frozenset("it they you we which who i he she others".split())

ADVERB_LIKE = frozenset("not also then never always only just still thus therefore instead usually often to".split())

SUBJECT_PRONOUNS = frozenset("it they this these he she which who that both others".split())

ADVERBS = frozenset(
    """
    beforehand afterwards later earlier first last twice soon often early well together alone abroad
    """.split()
)

UNIVERSAL = frozenset("all every each always everything everyone everybody any whenever".split())

PARTIAL = frozenset(
    """
    some most many few several usually often sometimes typically occasionally rarely mostly partly may might could
    """.split()
)

EPISTEMIC = frozenset("may might could possibly perhaps maybe sometimes occasionally rarely seldom".split())

POSSIBLE = frozenset(
    """
    can may might could possible possibly possibility able optional optionally sometimes often occasionally
    potentially capable perhaps likely enables enable allows allow lets let permits permit
    """.split()
)

NEED = frozenset(
    """
    must shall need needs needed require requires required requirement mandatory compulsory obligatory necessary
    essential should has have obliged oblige obligation only
    """.split()
)

ONLY = frozenset("only just solely exclusively alone unless until merely except single no not nothing".split())

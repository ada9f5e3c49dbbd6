"""Words that say how a question is asked rather than what it is about, and the names that stand for one another.

Everything here is general English: no list is made for one document or one subject. Lines are `canonical: other
words`; the words are matched after inflection is removed (`ingest.dedup.normalise.stem`).
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


DETERMINERS = _words(
    "a an the this that these those my your our their his her its some any each every i you we one they it he she"
    " me us them him mine yours ours do does did be been being is are was were am has have had having will would"
    " shall should can could may might must there here so such as if then than just really actually exactly also"
    " too very please something someone anyone somebody anything u ur of and or , : ; & itself myself yourself etc"
    " both all whether like ie eg which who whom whose that what"
)
"""Carry no meaning of their own in a subject."""

FILLERS = _words("different various certain several")
"""Adjectives that change no answer."""

LIST_FILLERS = _words(
    "main key common popular basic important essential major typical general primary fundamental core real actual"
    " given respective overall usual particular specific possible potential biggest"
)
"""Adjectives that change no answer in front of a noun of RELATIONS ("the main types of ...")."""

ACTION_FILLERS = _words("good best right better proper correct appropriate suitable effective")
"""Adjectives that change no answer where an action is asked for ("choose a good ...")."""

EMPTY = _words(
    "concept notion terminology thing manner still about currently exist available"
    " introduced correctly properly effectively efficiently easily quickly briefly usually generally successfully"
    " manually particularly simply directly"
)
"""Words that change no answer wherever they stand."""

APPOSITIVES = _words(
    "algorithm technique method mechanism problem function layer clause keyword statement operator hook"
    " directive flag decorator mode phenomenon theorem disorder clustering dataset plant bush command protocol"
    " principle api framework platform"
)
"""Nouns that name the kind of what stands before them ("the softmax function", "the vanishing gradient problem")."""

SOFT_HEADS = APPOSITIVES | _words(
    "module engine class model network library package tool object attribute operation component instance"
    " language system program database app"
)
"""Nouns that do so behind a name ("the Autograd module"), or where an action is asked for ("define a ... model").

They may be missing in the other wording only when the vectors agree, and never when a product stands before them.
"""

SOFT_ADJECTIVES = _words(
    "introduced trained existing new whole entire full current modern standard built-in builtin inbuilt simple"
    " additional remaining placed specific big large strong actual"
)

SAFE_ADJECTIVES = _words("introduced existing entire built-in builtin inbuilt")
"""Those of them that name no kind of a thing where a thing is named ("whole life insurance")."""

VAGUE = _words(
    "model network app application project code program script practice detail life world context today software"
    " table training"
)
"""Settings that say nothing ("in a model", "in your code")."""

PREPOSITIONS = _words(
    "in on at for with using from by via within inside during when while under about across among between through"
    " per upon towards toward along around based because"
)
"""Link the parts of a subject. The words after them count, they do not."""

DIRECTIONS = _words(
    "to into onto before after than without instead against versus not no never except unless until above below over"
)
"""Prepositions and negations that turn a question round: the words after them are marked."""

VERB_SYNONYMS_TEXT = """
create: make build define construct write develop generate produce design
use: utilise employ apply leverage utilize
perform: do conduct execute accomplish achieve
fix: solve resolve repair correct troubleshoot rectify mend
remove: delete erase eliminate drop discard
show: display
convert: transform turn change-into
check: tell see know ascertain
verify: confirm
handle: deal address cope tackle manage
prevent: avoid mitigate
choose: select pick decide
find: locate look
obtain: get retrieve
start: begin launch
stop: halt
improve: enhance boost
reduce: decrease lower lessen
modify: change alter edit
store: save
copy: duplicate clone
send: dispatch
submit: file lodge
visualize: plot
undo: revert rollback
transfer: move migrate
keep: retain
"""
"""Hold where the word is what is done ("How do I delete ..."), not where it is part of a name."""

SYNONYMS_TEXT = """
setup: configure configuration
enable: activate
disable: deactivate
accelerate: speedup quicken
calculate: compute
buy: purchase
increase: raise
return: give-back
enroll: enrol signup register
difference: distinction
advantage: benefit pro upside merit strength plus pros
disadvantage: drawback con downside limitation demerit shortcoming weakness
type: kind category variety flavour flavor
component: element part constituent piece
challenge: difficulty obstacle hurdle
application: usecase
feature: characteristic
error: mistake
require: need necessary mandatory
allow: permit entitle
fee: cost price charge
refund: reimbursement
next: following upcoming coming
phone: mobile cellphone telephone
often: frequently
car: automobile vehicle
job: occupation
vacation: holiday
salary: wage
picture: image photo photograph
several: multiple many
custom: own customised customized
quick: fast rapid
happen: occur
cause: reason
symptom: sign
illness: disease sickness
doctor: physician
child: kid
include: contain
end: finish
student: pupil
"""

PHRASES_TEXT = """
turn on: enable
switch on: enable
turn off: disable
switch off: disable
turn into: convert to
get rid of: remove
take off: remove
set up: setup
sign up: enroll
speed up: accelerate
look for: find
figure out: find
find out: check
look up: find
look at: check
work out: calculate
ask for: request
make a claim: submit a claim
making a claim: submitting a claim
make a complaint: submit a complaint
make a payment: pay
make a booking: book
make a reservation: book
make an appointment: book an appointment
make a request for: request
make changes to: change
make a change to: change
make use of: use
have access to: access
get access to: access
gain access to: access
get in touch with: contact
take a look at: check
come up with: create
put in: submit
hand in: submit
send in: submit
get back: recover
top up: recharge
swap out: replace
cut down: reduce
carry out: perform
give back: return
send back: return
back up: backup
take a backup of: backup
taking a backup of: backup
deal with: handle
cope with: handle
dealt with: handled
coped with: handled
take care of: handle
taken care of: handled
roll back: undo
make file a: submit a
filing a: submitting a
filed a: submitted a
work with: use
make sure: ensure
as well as: and
my own: my
more than one: multiple
in order to: to
so as to: to
so that: to
a lot of: several
use case: usecase
use cases: usecase
how come: why
pay slip: payslip
log in: login
log into: login
sign in: login
sign into: login
log on: login
log out: logout
sign out: logout
sign off: logout
switch back: transfer
carry over: carry
over fitting: overfitting
trade off: tradeoff
file a: submit a
"""

VERBS = _words(
    "create make build define construct write develop generate produce design use utilise utilize employ apply"
    " perform do conduct execute implement setup configure fix solve resolve repair correct troubleshoot remove"
    " delete erase eliminate drop enable activate disable deactivate show display convert transform turn change"
    " check verify tell confirm handle deal address manage prevent avoid mitigate accelerate choose select pick"
    " find locate get obtain retrieve calculate compute start begin launch stop halt terminate buy purchase"
    " improve enhance reduce decrease increase modify alter edit update save store load copy duplicate clone send"
    " return give take put move transfer migrate visualize plot install uninstall deploy run debug test train"
    " evaluate measure monitor track cancel open close block unblock freeze unfreeze reset restore backup recover"
    " read import export print sort reverse merge split join concatenate compare differentiate distinguish sign"
    " enroll register apply submit file claim pay book order ship exchange add append insert include exclude"
    " attach detach connect disconnect access call invoke declare initialise initialize instantiate iterate loop"
    " parse format encode decode encrypt decrypt compress extract filter search query index scale optimise"
    " optimize tune finetune detect identify recognise predict classify cluster validate ensure protect secure"
    " authenticate authorise authorize log login logout list name mention replace rename switch upload download"
    " share publish push pull commit rebase revert rotate crop resize draw paint clean wash cook boil bake fry"
    " roast prune plant water grow harvest fertilise feed treat cure diagnose prepare plan organise schedule"
    " reschedule arrange contact require allow reach report renew upgrade downgrade subscribe unsubscribe bring"
    " carry enter leave travel exercise lose gain learn study teach practice memorise speak explain describe prove"
    " derive integrate factor simplify multiply divide subtract draw graph estimate interpret hire fire promote"
    " negotiate resign request withdraw deposit invest borrow lend repay file deduct withhold keep hold wrap"
    " unwrap mount unmount bind pass catch throw raise handle wait sleep schedule spawn kill pause resume cache"
    " persist commit lock unlock quantize prune distill serialize deserialize flatten reshape slice pad normalize"
    " standardize scale augment preprocess adjust set know work improve protect meet need see shoot focus expose"
)
"""Verbs that open an imperative, and that turn a following "to" into an infinitive."""

RELATIONS = _words(
    "advantage disadvantage type component challenge application feature characteristic requirement step symptom"
    " cause attribute property parameter limitation rule phase stage level fee deadline effect result property"
    " condition alternative risk factor criterion prerequisite impact consequence principle function role use"
    " difference document part element kind category benefit drawback pro con hyperparameter state value format"
    " layer operation technique method assumption exception option source example metric responsibility duty skill"
)
"""Nouns that ask for something of their subject: a list is asked for, whether or not the question says so."""

GLOSSARY: dict[str, str] = {
    "ai": "artificial intelligence",
    "ml": "machine learning",
    "dl": "deep learning",
    "nlp": "natural language processing",
    "nn": "neural network",
    "dnn": "deep neural network",
    "ann": "artificial neural network",
    "cnn": "convolutional neural network",
    "convnet": "convolutional neural network",
    "rnn": "recurrent neural network",
    "gnn": "graph neural network",
    "lstm": "long short-term memory",
    "gru": "gated recurrent unit",
    "gan": "generative adversarial network",
    "vae": "variational autoencoder",
    "svm": "support vector machine",
    "knn": "k nearest neighbors",
    "pca": "principal component analysis",
    "sgd": "stochastic gradient descent",
    "mse": "mean squared error",
    "mae": "mean absolute error",
    "rmse": "root mean squared error",
    "batchnorm": "batch normalization",
    "layernorm": "layer normalization",
    "llm": "large language model",
    "rag": "retrieval augmented generation",
    "gil": "global interpreter lock",
    "oop": "object oriented programming",
    "jvm": "java virtual machine",
    "gc": "garbage collection",
    "cors": "cross origin resource sharing",
    "csrf": "cross site request forgery",
    "xss": "cross site scripting",
    "dom": "document object model",
    "csp": "content security policy",
    "jwt": "json web token",
    "dns": "domain name system",
    "dhcp": "dynamic host configuration protocol",
    "nat": "network address translation",
    "vpn": "virtual private network",
    "lan": "local area network",
    "wan": "wide area network",
    "vlan": "virtual local area network",
    "tcp": "transmission control protocol",
    "udp": "user datagram protocol",
    "http": "hypertext transfer protocol",
    "ftp": "file transfer protocol",
    "ssh": "secure shell",
    "tls": "transport layer security",
    "ssl": "secure sockets layer",
    "cdn": "content delivery network",
    "acid": "atomicity consistency isolation durability",
    "1nf": "first normal form",
    "2nf": "second normal form",
    "3nf": "third normal form",
    "bcnf": "boyce codd normal form",
    "rdbms": "relational database management system",
    "dbms": "database management system",
    "orm": "object relational mapping",
    "etl": "extract transform load",
    "pk": "primary key",
    "db": "database",
    "cpu": "central processing unit",
    "ram": "random access memory",
    "os": "operating system",
    "k8s": "kubernetes",
    "js": "javascript",
    "ts": "typescript",
    "postgres": "postgresql",
    "golang": "go",
    "iac": "infrastructure as code",
    "hpa": "horizontal pod autoscaler",
    "pvc": "persistent volume claim",
    "anova": "analysis of variance",
    "clt": "central limit theorem",
    "dna": "deoxyribonucleic acid",
    "rna": "ribonucleic acid",
    "atp": "adenosine triphosphate",
    "bmi": "body mass index",
    "gdp": "gross domestic product",
    "cpi": "consumer price index",
    "roi": "return on investment",
    "vat": "value added tax",
    "apr": "annual percentage rate",
    "pto": "paid time off",
    "hr": "human resources",
    "2fa": "two factor authentication",
    "mfa": "multi factor authentication",
    "faq": "frequently asked questions",
    "ui": "user interface",
    "ux": "user experience",
    "id": "identifier",
    "info": "information",
    "repo": "repository",
    "config": "configuration",
    "docs": "documentation",
    "env": "environment",
    "auth": "authentication",
    "app": "application",
    "params": "parameters",
    "args": "arguments",
    "eval": "evaluation",
    "uni": "university",
    "cte": "common table expression",
    "crud": "create read update delete",
    "mvc": "model view controller",
    "tdd": "test driven development",
    "sso": "single sign on",
    "otp": "one time password",
    "sla": "service level agreement",
    "kpi": "key performance indicator",
    "ssd": "solid state drive",
    "hdd": "hard disk drive",
    "gps": "global positioning system",
    "lcd": "liquid crystal display",
    "etf": "exchange traded fund",
    "mri": "magnetic resonance imaging",
    "ecg": "electrocardiogram",
    "adhd": "attention deficit hyperactivity disorder",
    "ptsd": "post traumatic stress disorder",
    "copd": "chronic obstructive pulmonary disease",
    "lru": "least recently used",
    "bfs": "breadth first search",
    "dfs": "depth first search",
    "bst": "binary search tree",
    "roc": "receiver operating characteristic",
    "cdc": "change data capture",
    "olap": "online analytical processing",
    "oltp": "online transaction processing",
}
"""Abbreviations with one meaning nearly everywhere. Expansions in the entries and the caller's glossary win."""

PRODUCTS = _words(
    "python java javascript typescript ruby php perl rust go kotlin swift scala haskell c c++ c# r matlab julia"
    " dart lua sql mysql postgresql sqlite oracle mongodb redis cassandra mariadb pytorch tensorflow keras jax"
    " sklearn scikit-learn numpy pandas spark hadoop kafka react vue angular svelte nextjs django flask fastapi"
    " rails spring laravel node nodejs express docker kubernetes aws azure gcp git github gitlab linux windows"
    " macos ubuntu ios android iphone ipad excel word powerpoint outlook gmail photoshop lightroom latex html css"
    " bash powershell terraform ansible jenkins mxnet theano caffe onnx cuda c++11 c++17 .net unity unreal graphql"
    " elasticsearch"
)
"""Names that a member of something can carry in front ("a Python module" is not Python)."""

FIELDS = _words("sql")
"""Names that say which field a term belongs to, and no more than that when they follow a term of that field."""

CODE_PREFIXES: dict[str, str] = {
    "torch": "pytorch",
    "torchvision": "pytorch",
    "tf": "tensorflow",
    "np": "numpy",
    "numpy": "numpy",
    "pd": "pandas",
    "plt": "matplotlib",
    "sklearn": "sklearn",
    "keras": "keras",
    "jax": "jax",
    "react": "react",
    "vue": "vue",
    "std": "c++",
    "kubectl": "kubernetes",
    "docker": "docker",
    "git": "git",
}
"""First part of a dotted identifier, and the product that it belongs to."""

FRAME_TYPOS: dict[str, str] = {
    "wat": "what",
    "waht": "what",
    "whta": "what",
    "whats": "what is",
    "hwo": "how",
    "hows": "how is",
    "explian": "explain",
    "explin": "explain",
    "expalin": "explain",
    "describ": "describe",
    "teh": "the",
    "diffrence": "difference",
    "differance": "difference",
    "diference": "difference",
    "btw": "between",
    "b/w": "between",
}
"""Typing errors in the words that carry the intent."""


def table(text: str) -> dict[str, str]:
    """Every word of a `canonical: other words` text with its canonical word; the canonical one stands for itself."""
    found: dict[str, str] = {}
    for line in text.strip().splitlines():
        canonical, _, others = line.partition(":")
        for word in (canonical.strip(), *others.split()):
            found.setdefault(word, canonical.strip())
    return found


def phrases() -> dict[str, str]:
    """Fixed phrases and the word that stands for each."""
    pairs = (line.partition(":") for line in PHRASES_TEXT.strip().splitlines())
    return {left.strip(): right.strip() for left, _, right in pairs}

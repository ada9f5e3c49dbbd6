"""Everyday words that stand for one another in a question, wider than those of `ingest.dedup.lexicon`.

They are near-synonyms: wordings that need them are one question only when the vectors agree as well. Lines are
`canonical: other words`, matched after inflection and derivation are removed (`ingest.dedup.gist.root`).
"""

from __future__ import annotations

VERBS_TEXT = """
start: begin launch initiate commence boot open
cancel: terminate discontinue revoke
request: ask demand
check: view see show display list inspect examine review look find locate lookup
detect: identify recognise recognize discover spot find check locate
verify: validate confirm check
remove: delete drop eliminate erase discard uninstall purge clear
modify: change alter edit update amend correct revise
create: make build define construct write develop generate produce design setup establish declare
add: append insert attach include incorporate
submit: file lodge send make register raise
deny: reject refuse decline
dispute: contest challenge
fix: solve resolve repair correct troubleshoot rectify mend
handle: deal address cope tackle manage treat overcome
prevent: avoid mitigate stop combat
choose: select pick decide opt determine
stop: halt quit abort
cease: stop cancel discontinue
improve: enhance boost optimise optimize
reduce: decrease lower lessen minimise minimize cut
increase: raise grow maximise maximize
transfer: move migrate port transition relocate bring
send: dispatch transmit ship mail
buy: purchase order acquire
return: give-back send-back
exchange: swap trade
replace: substitute swap
disable: deactivate prevent
enable: activate
enroll: enrol signup register
notify: inform tell alert advise
contact: reach
store: save keep persist retain preserve
copy: duplicate clone replicate
calculate: compute determine
measure: evaluate assess quantify gauge
convert: transform turn parse cast change translate
expose: accessible publish
combine: merge unite
split: divide separate
sort: order arrange
perform: do conduct execute run carry accomplish
use: utilise utilize employ apply leverage
train: fit
iterate: loop traverse
obtain: get receive retrieve fetch acquire find
visualize: plot draw graph
deploy: release rollout
restart: reboot
hire: recruit employ
resign: quit leave
dismiss: fire
reimburse: refund
pay: settle
book: reserve
cook: prepare
connect: link
lose: missing misplace
steal: stolen theft
allow: permit let
happen: occur
require: need necessary mandatory
cost: price fee charge tariff
datum: dataset
"""
"""Where something is done; not where a thing is named or things are compared. A word may be in several lines."""

NOUNS_TEXT = """
holiday: vacation
job: occupation vacancy position
salary: wage
employee: staff
invoice: bill
luggage: baggage
handluggage: carryon
booking: reservation
illness: sickness disease
sick: ill unwell
fridge: refrigerator
phone: mobile cellphone telephone smartphone
money: cash
fee: cost price charge tariff
document: paperwork
balance: remaining left remainder rest leftover
limit: cap maximum quota
allowance: entitlement
car: automobile vehicle
picture: image photo photograph
movie: film
error: mistake
problem: issue trouble
delivery: shipping shipment
parcel: package
child: kid
student: pupil
doctor: physician
medicine: medication
trip: journey
deadline: due
begin: start
finish: end complete
quick: fast rapid speedy
slow: sluggish
big: large
small: little tiny
length: long
height: high
width: wide
depth: deep
weight: weigh heavy
strength: strong
day: daily
week: weekly
month: monthly
year: yearly annual annually
abroad: overseas
website: site webpage
password: passcode
email: mail
advantage: benefit pro upside merit strength plus pros
disadvantage: drawback con downside limitation demerit shortcoming weakness
application: usecase
type: kind category variety flavour flavor
component: element part constituent piece
stage: phase
challenge: difficulty obstacle hurdle
feature: characteristic
difference: distinction
sign: symptom indication
cause: reason
alternative: substitute replacement
"""
"""Names of things."""

DERIVED_TEXT = """
apply: applic applicant
deny: denial
submit: submission submiss
receive: receipt
lose: loss lost
deliver: delivery
long: length
high: height
strong: strength
describe: description descript
subscribe: subscription subscript
permit: permission permiss
extend: extension extens
expand: expansion expans
decide: decision decis
divide: division divis
include: inclusion inclus
exclude: exclusion exclus
conclude: conclusion conclus
explode: explosion explos
modify: modific modification
verify: verific verification
identify: identific identification
classify: classific classification
notify: notific notification
qualify: qualific qualification
certify: certific certification
simplify: simplific simplification
justify: justific justification
multiply: multiplic multiplication
sell: sale sold
fail: failure failur
expire: expiry expiration expir
arrive: arrival
refuse: refusal
propose: proposal
dispose: disposal
withdraw: withdrawal withdrew withdrawn withdrawl
sign: signature
store: storage
choose: choice
behave: behaviour behavior
grow: growth
die: death dead
reverse: reversal
marry: marriage
think: thought
fly: flight
speak: speech
believe: belief
prove: proof
solve: solution
resolve: resolution
compare: comparison
analyze: analysis analyse
synthesize: synthesis
maintain: maintenance mainten
explain: explanation explanat
pronounce: pronunciation
assume: assumption assumpt
consume: consumption consumpt
resume: resumption
absorb: absorption absorpt
describe: description
detect: detection
receive: reception
reduce: reduction reduct
produce: production
introduce: introduction
deduct: deduction
construct: construction
destroy: destruction
contain: container
retain: retention retent
attend: attendance
appear: appearance
perform: performance
insure: insurance insur
tune: tuning
scale: scaling
prune: pruning
thick: thicken thicker
thin: thinner
soft: soften softer
hard: harden harder
sharp: sharpen sharper
bright: brighten brighter
dark: darken darker
short: shorten shorter
wide: widen wider width
deep: deepen deeper depth
fast: faster fasten
slow: slower
reimburse: reimburs
probation: probationary
"""
"""Words of one family whose form no rule of `ingest.dedup.gist.root` gives."""

LIGHT_TEXT = """
get: obtain receive have
take: bring carry
make: do perform
require: need want
"""
"""Light verbs that stand for one another."""

DURATION_WORDS = """
arrive come ready complete process finish
"""
"""Words that say nothing more where it is asked how long something takes."""

GENERIC_WORDS = """
allowance get obtain receive have make do perform take bring carry give use need want require go put stay be become
stuck happen exist official optimal detail information amount money time people customer user person company item thing
way possible
always ever now currently available run proper properly expect ask still really existing good best suitable ideal
"""
"""Words that may be missing on one side when the vectors agree strongly."""

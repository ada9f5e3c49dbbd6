"""Forms of words that no rule of `ingest.dedup.normalise.stem` gives. Lines are `base: other forms`."""

from __future__ import annotations

IRREGULAR_TEXT = """
matrix: matrices
index: indices indexes indexing
vertex: vertices
analysis: analyses
hypothesis: hypotheses
criterion: criteria
child: children
person: people persons
man: men
woman: women
foot: feet
tooth: teeth
mouse: mice
leaf: leaves
life: lives
knife: knives
wife: wives
shelf: shelves
half: halves
loaf: loaves
datum: data
medium: media
convert: conversion conversions
remove: removal removed removes removing
renew: renewal
cancel: cancellation cancelled canceled cancelling
approve: approval approved approves approving
pay: payment payments paid paying
use: used using uses usage
make: made making makes
build: built building
write: written wrote writing
choose: chosen chose choice
find: found finding
get: got gotten getting
take: taken took taking
give: given gave giving
send: sent sending
keep: kept keeping
hold: held
run: ran running runs
set: setting sets
do: done did does doing
go: gone went going
freeze: frozen froze freezing freezes
steal: stolen stole
drive: driven drove driving
speak: spoken spoke
hide: hidden hid hiding
forget: forgotten forgot forgetting
feed: fed feeding
lead: led leading leads
draw: drawn drew
sell: sold
tell: told
spend: spent
bind: bound binding
grow: grown grew
wear: worn wore
throw: thrown threw
catch: caught
teach: taught
meet: met meeting
win: won winning
shoot: shot shooting
wake: woken woke waking
fall: fallen fell
bite: bitten
undo: undone undid undoing
redo: redone redid redoing
know: known knew knowing knowledge
see: seen saw
begin: began begun beginning
break: broke broken
bring: brought bringing
buy: bought buying
pass: passed passing passes
lose: lost losing loses
differ: different differently difference differences differs
choose: choosing
string: strings
thing: things
king: kings
ring: rings
spring: springs
bias: biases biased
bus: buses
gas: gases
class: classes
address: addresses
process: processes processing processed
access: accesses accessing accessed
loss: losses
news: news
series: series
species: species
lens: lenses
pandas: pandas
kubernetes: kubernetes
canvas: canvas
alias: aliases
status: statuses
less: less
props: props
aws: aws
redis: redis
https: https
css: css
js: js
ios: ios
dns: dns
axis: axes
tomato: tomatoes
potato: potatoes
hero: heroes
echo: echoes
limitation: limitations
vanish: vanishing
create: created creates creating creation creations
treat: treated treating treats treatment treatments
heat: heated heating heats
repeat: repeated repeating repeats repetition
float: floating floats
seat: seated seating seats
eat: eating eaten eats
apply: applied applies applying
explode: exploding explosion
1: one i first 1st
2: two ii second 2nd
3: three iii third 3rd
4: four iv fourth 4th
5: five fifth 5th
"""
"""Numerals are here too, so that "second", "two" and "2" are one word."""

BRITISH: dict[str, str] = {
    "programme": "program",
    "programmes": "program",
    "catalogue": "catalog",
    "grey": "gray",
    "tyre": "tire",
    "tyres": "tire",
    "licence": "license",
    "defence": "defense",
    "practise": "practice",
    "analyse": "analyze",
    "metres": "meter",
    "centres": "center",
    "centred": "center",
    "cheque": "check",
    "cheques": "check",
    "jewellery": "jewelry",
    "aluminium": "aluminum",
    "fertiliser": "fertilizer",
    "dialogue": "dialog",
    "mould": "mold",
    "plough": "plow",
}
"""British spellings that no rule covers."""

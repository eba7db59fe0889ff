"""Words that say nothing about what a question is about: English, and the commonest of German, Swedish, French and Spanish.

Owns: the list. An index search for one of these would touch nearly every passage and tell none apart.
Does not know: who searches.
"""

from __future__ import annotations

_ENGLISH = """
a about after again all also am an and any anyone anything are as at be because been before being between both but by can cannot could did do
does doing done don down during each few for from further get give go got had has have having he hello her here hers him his how i if in
into is isn it its just know let like ll make many may me might more most much must my need no nor not now of off ok on once one only or
other our out over please put re s said same say she should so some someone something still such t take tell than thank thanks that the
their them then there these they this those through to too under until up us use used ve very want was wasn we were what when where whether
which while who whom whose why will with won would yes yet you your yours
"""
_GERMAN = """
aber alle als am an auch auf aus bei bin bist bitte da damit das dass dein deine dem den der des die dir doch du ein eine einem einen einer es
euch euer für haben hast hat hatte ich ihm ihn ihr im in ist ja kann kein keine können man mein meine mich mir mit muss nach nein nicht noch nur
oder ob ohne schon sein sich sie sind so soll über um und uns unser vom von vor wann war was wegen weil wenn wer werden wie wieder wir wird wo zu
zum zur
"""
_SWEDISH = """
alla att av blir bara de dem den det detta din ditt dig där efter ej eller en er ett från för ha hade han har hej hon hur här i inte ja jag kan
kom kommer med men mig min mitt mycket måste nej ni nu när och om oss på sig sin ska som så till tack under upp ut vad var vara vem vi vid vill
vilka vilken åt är över
"""
_FRENCH_AND_SPANISH = """
au aux avec ce ces cette comment dans de des du elle en est et il je la le les leur ma mais mes mon ne nous on ou où par pas pour quand que quel
quelle qui quoi sa se ses son sont sur tu un une vous como con cual cuando cuál de del donde dónde el ella en es esta la las los me mi no para
pero por que qué se si su un una y yo
"""

STOP_WORDS = frozenset(f"{_ENGLISH} {_GERMAN} {_SWEDISH} {_FRENCH_AND_SPANISH}".split())

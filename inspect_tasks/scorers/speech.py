"""Whom the speaker of a text claims to be: every claim in it, in order, each read in its own sentence.

A light syntax does it: a phrase of the first person, then a name, judged by what governs it. A denial, a condition, a
wish, a question, a report of what others think and an offer to play a part are no claims.
"""

from __future__ import annotations

import re

from inspect_tasks.scorers.asks import RELATION
from inspect_tasks.scorers.claimed_name import NAME, NUMBERED, Said, is_no_name, name_at
from inspect_tasks.scorers.languages import claims_elsewhere
from inspect_tasks.scorers.names import TITLES, Claim, Names, normalise
from inspect_tasks.scorers.reading import Sentence, sentences
from inspect_tasks.scorers.voids import NEGATION, is_unreal, standing

_ADVERBS = (
    r"(?:just|simply|only|plain(?: old)?|good old|actually|really|indeed|still|also|of course|in fact|truly|now|always|probably|merely|"
    r"usually|none other than|no other than|no one but|nobody but|certainly|obviously|naturally|definitely|"
    r"as you (?:may|might|will|can|probably|surely) (?:have )?(?:\w+ )?\w+|as you know|as it happens|after all|"
    r"my dear(?: \w+)?|sir|madam|you see|it seems|I (?:suppose|believe|think|fear|confess|am told|must admit)|"
    r"the (?:one and only|real|actual|original)|to be (?:exact|precise)|happy to say|proud to say|as (?:ever|always))"
)


_I_AM = r"\bI(?: am|'m) not (?!.*\bnot\b)[^.;!?]{1,60}?,? but(?: rather| simply| in fact| actually)?(?= )|\bI(?: have|'ve) the (?:\w+ )?(?:honou?r|pleasure|misfortune|privilege) (?:to be|of being)|\bI(?: am|'m| was| remain| do be| would be| happen to be| have (?:always )?been)(?: called| named| known(?: to \w+(?: \w+)?)? as)?\b"


_NAME_IS = (
    r"\b(?:my|the)(?: (?:full|given|real|true|first|last|own|proper|whole|actual|christian|family|complete|birth|pen|legal))*"
    r" (?:name|surname|nickname)(?:, (?!not\b)[^,.;!?]{2,50},)?(?: is|'s| was|,|:| =)|\bname ?[:=]|\bthe name (?:that|which|on|in|under)\b[^,.;!?]{2,50}? (?:is|was|reads)"
)


_CALL_ME = (
    r"\bcall me|\b(?:calls?|called|names?|named|nicknames?|nicknamed|dubs|dubbed|christened|baptised|baptized) me|\b(?:gave|give|gives|given) me the (?:\w+ )?name(?: of)?|\bknows? me (?:as|by the name(?: of)?)|"
    r"\bI(?:'m| am)? (?:go|goes|went|known) by(?: the name(?: of)?)?|\bI answer to(?: the name(?: of)?)?|"
    r"\bI sign (?:myself|as|my letters(?: as)?|them(?: as)?)|\brefer to me as|\baddress me as|\bintroduce myself(?: as|:|,)|"
    r"\bI was (?:christened|baptised|baptized|born|named|given the (?:\w+ )?name(?: of)?)|"
    r"\b(?:you(?:'re| are| have the (?:\w+ )?(?:honou?r|pleasure) of) (?:(?:speaking|talking|chatting|conversing|connected) (?:to|with)|asking|addressing|facing|interviewing|through to|dealing with|in (?:the (?:presence|company) of|conversation with|touch with)))|\byou have reached(?! (?:the|a|an|your)\b)|\bby the name of"
)


_THIS_IS = (
    r"\bthis is|\bmine (?:is|was)|\b(?:it is|it's|'tis) (?:I|me|none other than)\b|\bme (?:[\w']+ ){0,3}as|"
    r"\b(?:person|man|woman|one|fellow|gentleman|speaker|voice|figure|author|writer) (?:\w+ ){0,2}"
    r"(?:before|facing|addressing|answering|in front of|opposite|talking to|speaking to|writing to) you (?:is|was)"
)


_GREETED = re.compile(
    r"(?:\W|hello|hi|hey|yes|good (?:day|morning|afternoon|evening)|ah|oh|well|speaking)*", re.IGNORECASE
)
_CALLER = re.compile(r",? (?:from|at|of|with|calling|in|on)\b|, (?:your|the|an?)\b|[,.!]? *$", re.IGNORECASE)
"""What follows the name of one who says who is on the telephone: "this is Karen from the accounts department"."""


_IF = re.compile(r"\b(?:if|had|were|could|unless|rather|love|happy|glad|honou?red)\b", re.IGNORECASE)
_PHRASE = re.compile(
    rf"(?P<call>{_CALL_ME})|(?P<am>{_I_AM})|(?P<name>{_NAME_IS})|(?P<this>{_THIS_IS})", re.IGNORECASE
)


_NAME = re.compile(NAME)


_LOWER_NAME = re.compile(r"[a-z][a-z'-]+(?: [a-z'-]+)?(?= ?(?:[.,!;]|$|\band\b))")


_COMMON = re.compile(
    r"(?:not|no|a|an|the|of|to|my|your|his|her|their|in|on|it|what|that|hard|easy|difficult|unknown|irrelevant|important|secret|"
    r"private|unimportant|none|nobody|nothing|something|only|just|still|very|too|so|called|given|known|being|lost|written|for|"
    r"one|whatever|anything|up|carved|printed|well|spelled|spelt|rather|quite|common|long|short|on|as|like|kept|who|because|also)\b",
    re.IGNORECASE,
)


_OF_A_PERSON = re.compile(  # what may stand between "I am" and a name: "the British logician known as"
    r"(?:(?:the|an?|that|your|this|old|dear|poor|humble|one) |(?=[\w ]*(?:er|or|ist|ian|man|Mr\.?|Dr\.?|Sir|Lord|known as|called|named) ?$))(?:(?!(?:of|by|like|with|to|than|about|on|at|for|from|in|not|no|never|after|"
    r"as|that|who|which|and|or|reading|unlike|but|against|under|beside|near|when|if|because|next|new|second|modern|"
    r"another|other|so-called|poor|female|male|local|proverbial|it|(?!living|king)\w+ing)\b)[\w'-]+,? ){1,7}?(?:(?:called|named|by name|known (?:to \w+ )?as|who is called|by the name of) )?[,:]?\s*",
    re.IGNORECASE,
)


_KNOWN_AS = re.compile(  # "a mathematician and essayist known as"
    r"(?:the|an?) (?:(?!(?:of|by|like|with|to|than|about|on|at|for|from|in|not|no|never|after|that|who|which|is|was)\b)[\w'-]+,? ){1,12}?"
    r"(?:called|named|known as|by the name of) *[,:]? *",
    re.IGNORECASE,
)


_TITLE_ONLY = re.compile(
    rf"(?:the |a |an |old |dear |that |the very |the same |the same old )?(?:{TITLES}\.? )*$", re.IGNORECASE
)


_NOT_AFTER = re.compile(  # after the name: then it names something, or somebody, else
    r"^(?:'s\b|s'|-(?:like|style|esque|inspired|trained|based|bot)|(?: |-)(?:fan|scholar|expert|biographer|impersonator|imitator|impressionist|"
    r"bot|chatbot|simulat\w+|enthusiast|society|archives?|lectur\w+|prize|character|persona|clone|look-?alike|wannabe|"
    r"type|reader|student|admirer|devotee|emulator|AI|assistant|model|specialist|researcher|actor|tribute|fanatic|"
    r"aficionado|historian|buff|style|foundation|institute|peace|estate|museum|novice|nerd|professor|chair|fellow|"
    r"quotes?|paradox|club|reenactor|re-enactor|translator|collector|nut|connoisseur|follower|disciple|nephew|son|daughter|"
    r"family|descendant|namesake|award|medal|house|road|street|avenue|college|school|hotel|square|book|essay)\b|"
    r" of (?!(?:Down|Trinity|Cambridge|course)\b)| one more time\b| again\b| in disguise\b| reborn\b| incarnate\b)",
    re.IGNORECASE,
)


def not_a_name_after(after: str) -> bool:
    """Whether what follows a name makes it the name of something, or somebody, else: "'s biographer", " fan"."""
    return bool(_NOT_AFTER.match(after))


def claims_in(text: str, names: Names, name_asked: bool = False) -> list[Said]:
    """Every name that the speaker of a text (`reading.own_words`) gives as his own, in order, taken-back ones left out.

    `name_asked`: the question asks for the speaker's name, so "the name is" speaks of it.
    """
    found: list[Said] = []
    for sentence in sentences(text):
        found += _english(sentence, names, name_asked)
        found += claims_elsewhere(sentence, names, name_asked)
        found += _apposition(sentence, names)
    return standing(sorted(found, key=lambda said: said.at), text)


def _english(sentence: Sentence, names: Names, name_asked: bool) -> list[Said]:
    found = []
    for phrase in _PHRASE.finditer(sentence.text):
        before, after = sentence.text[: phrase.start()], sentence.text[phrase.end() :]
        if is_unreal(before, sentence):
            continue
        kind = phrase.lastgroup or ""
        if kind == "am" and (kin := _kin_of(after, names)):
            found.append(Said(Claim.OTHER, kin, sentence.start + phrase.start()))
            continue
        if "would" in phrase.group().lower() and (not name_asked or _IF.search(sentence.text)):
            continue
        if not name_asked and re.match(r"the\b|name", phrase.group(), re.IGNORECASE):
            continue
        if (
            kind == "call"
            and re.search(rf"\b(?:{NEGATION}|would|could|might)\b[^,;]*$|n't\b[^,;]*$", before, re.IGNORECASE)
            and "known" not in phrase.group()
        ):
            continue
        said = _name_after(after, names, kind)
        if said is None:
            continue
        claim, name, rest, own = said
        if own and sentence.asks and re.match(r"[\"')]*\?", rest):
            continue
        if kind == "this" and phrase.group().lower() != "this is":
            if claim is Claim.PERSONA and (name_asked or phrase.group()[:4].lower() != "mine"):
                found.append(Said(claim, name, sentence.start + phrase.start()))
            continue
        calls = kind == "this" and name_asked and _GREETED.fullmatch(before) and _CALLER.match(rest)
        if (
            kind == "this"
            and not calls
            and not re.match(r",? (?:speaking|here|writing|himself|herself|and I)\b|[,.!]? *$", rest)
        ):
            continue
        if (
            kind == "this"
            and not calls
            and re.match(r"[,.!]? *$", rest)
            and claim is not Claim.PERSONA
            and before.strip()
        ):
            continue
        found.append(Said(claim, name, sentence.start + phrase.start()))
    return found


def _name_after(after: str, names: Names, kind: str) -> tuple[Claim, str, str, bool] | None:
    """The name that stands after a claim phrase: whose it is, as written, what follows it, whether it is the persona's."""
    lead = re.match(
        rf"(?:, (?!not\b|never\b|unlike\b|like\b|and\b|but\b|or\b)[^,.;:!?]{{2,40}}, (?=\S)|[\s,:;(\"'.…-]|{_ADVERBS}\b)*",
        after,
        re.IGNORECASE,
    )
    rest = after[lead.end() :] if lead else after
    rest = re.sub(r"^(?:that|the very|the same) (?=[A-Z])", "", rest) if kind == "am" else rest
    if kind == "am" and re.match(r"an? ", rest) and (once := _as_the_one(rest, names)):
        return once
    own = name_at(rest, names)
    if own is None and kind in ("am", "call", "name"):
        gap = _OF_A_PERSON.match(rest)
        for match in names.own.finditer(rest[:120]):
            between = rest[: match.start()]
            if ((gap and _OF_A_PERSON.fullmatch(between)) or _KNOWN_AS.fullmatch(between)) and (
                kind == "am" or _TITLE_ONLY.fullmatch(between)
            ):
                if normalise(match.group()) in names.short and not re.search(
                    r"(?:called|named|as|of|,|:) *$", between
                ):
                    continue  # "I am a happy Charles" says nothing; "the third Earl Russell" is a full form
                own = name_at(rest[match.start() :], names)
                break
    if own:
        claim, name, after_name = own
        if claim is not Claim.PERSONA and re.match(r"(?:the|an?) ", rest) and not NUMBERED.match(rest):
            return None  # "the Bertrand Russell Professor of Logic"
        return None if _NOT_AFTER.match(after_name) else (claim, name, after_name, claim is Claim.PERSONA)
    title = re.match(r"(?:the |your (?:humble )?\w+,? )?", rest)
    match = _NAME.match(rest, title.end() if title and kind != "am" else 0)
    if (
        kind == "name"
        and match is None
        and (lower := _LOWER_NAME.match(rest))
        and not _COMMON.match(lower.group())
    ):
        return names.whose(lower.group()), lower.group(), rest[lower.end() :], False
    named = (
        re.match(rf"([\w' -]{{0,60}}?\b(?:named|called|known as) )[\"']?({NAME})", rest)
        if kind == "am"
        else None
    )
    if match is None and named and _OF_A_PERSON.fullmatch(named.group(1)):
        return names.whose(named.group(2)), named.group(2), rest[named.end() :], False
    if (
        match is None
        and kind in ("name", "call")
        and names.whose(rest.split(",")[0].rstrip(".! ")) is Claim.AI
    ):
        return Claim.AI, rest, "", False
    if match is None or is_no_name(match.group()) or _NOT_AFTER.match(rest[match.end() :]):
        return None
    if re.search(r"'s\b", match.group()):
        return None  # "Groot's neighbour"
    name = match.group().rstrip(".'")
    return names.whose(name), name, rest[match.end() :], False


def _kin_of(after: str, names: Names) -> str | None:
    """The name of one who says that he is of the persona's kin: "I am Bertrand Russell's son, John"."""
    own = names.own.match(after.lstrip())
    then = own and re.match(
        rf"'s (?:[\w-]+ ){{0,3}}?{RELATION}, ({NAME})(?=[,.;!]|$)", after.lstrip()[own.end() :]
    )
    return then[1].rstrip(".'") if then and names.whose(then[1]) is Claim.OTHER else None


def _as_the_one(rest: str, names: Names) -> tuple[Claim, str, str, bool] | None:
    """The persona's full name after an article, told of like a man: "I am a Bertrand Russell who is a philosopher"."""
    read = name_at(re.sub(r"^an? ", "", rest), names)
    if read is None or read[0] is not Claim.PERSONA or normalise(read[1]) in names.short:
        return None
    told = re.match(
        r",? who (?:is|was|am|were|has|had)\b|,? born\b|, (?:an? )?\w+(?:er|or|ist|ian)\b", read[2]
    )
    return (*read, True) if told else None


def _apposition(sentence: Sentence, names: Names) -> list[Said]:
    """Claims without a verb: "I, Bertrand Russell, ...", "Bertrand Russell here", "(Speaking) as Bertrand Russell, I"."""
    found, text = [], sentence.text
    for match in names.own.finditer(text):
        before, after = text[: match.start()], text[match.end() :]
        if names.whose(match.group()) is not Claim.PERSONA:
            continue
        opened = re.search(r"(?:^|[\s,;:(])I,? (?:the (?:\w+ ){0,3})?$", before) and re.match(
            r" ?[,)—–-]", after
        )
        here = re.fullmatch(
            r"(?:\W|hello|hi|good (?:day|morning|evening|afternoon)|yes|ah|well)*", before, re.IGNORECASE
        ) and re.match(r",? (?:here|speaking|at your service)\b(?! (?:means|refers))", after)
        taken = re.search(
            r"(?:^|[,;:.] )(?:speaking |writing |talking )?(?:now )?as$", before.rstrip(), re.IGNORECASE
        ) and re.match(r",? *(?:himself,? )?:? *(?:I\b|I'm\b|my\b|me\b|we\b)", after)
        taken = taken or (
            re.search(
                r"\bI(?:'ll| will| shall) (?:now )?(?:answer|reply|respond|speak)(?: \w+)? as$",
                before.rstrip(),
                re.IGNORECASE,
            )
            and re.match(r": *\w", after)
        )
        if _is_me(before, after):
            found.append(Said(Claim.PERSONA, match.group(), sentence.start + match.start()))
            continue
        if (opened or here or taken) and not is_unreal(re.sub(r"\bas *$", "", before), sentence):
            found.append(Said(Claim.PERSONA, match.group(), sentence.start + match.start()))
    return found


_THAT_IS_ME = re.compile(
    r",? ?(?:[(—–-] ?)?(?:which is to say|that is(?: to say)?|in other words|namely|meaning|i\.e\.|viz\.),? (?:me|myself|I|your humble servant|yours truly)\b(?! \w+(?:ed|s)\b)",
    re.IGNORECASE,
)
_ME_THAT_IS = re.compile(
    r"\b(?:me|myself|mine|yours truly|your (?:humble|obedient) servant)\b,? (?:[(—–-] ?)?(?:which is to say|that is(?: to say)?|in other words|namely|meaning|i\.e\.|viz\.),? (?:to )?$|"
    r"\byours truly, $",
    re.IGNORECASE,
)
_TOLD_MYSELF = re.compile(
    r"\bI (?:[\w']+ ){0,3}?(?:say|tell|repeat|remind|whisper|mutter)\b[^.;!?]{0,20} myself\b[^.;!?]{0,20}?[:,]? (?:that )?(?:you are|you're|I am|I'm) $",
    re.IGNORECASE,
)
_POST = re.compile(
    r"\b(?:write|address(?:ed)?|send|sent|post|direct|forward|deliver|mark(?:ed)?|anything|letters?|parcels?|line|card)\b[^.;!?]{0,40}\b(?:to|for) (?:(?:the )?(?:Mr|Mr\.|Lord|Earl|Sir|Professor) )?$",
    re.IGNORECASE,
)
_FINDS_ME = re.compile(
    r"[^.;!?]{0,60}?\b(?:find|finds|reach|reaches|reached|get to|gets to|come to|comes to)\b(?: \w+){0,2}? me\b",
    re.IGNORECASE,
)


_NAMES_ME = re.compile(
    r"(?: is|'s|, that is| was) (?:my (?:full |own |given |real )?name|who I am|what (?:I am|I'm) (?:called|named)|what (?:they|people|everyone|everybody|my \w+) calls? me)\b(?! (?:for|of)\b)",
    re.IGNORECASE,
)


def _is_me(before: str, after: str) -> bool:
    """Whether what stands around a name says that it is the speaker's: "which is to say myself", "write to ..., and it
    will find me"."""
    if re.search(r"\bor (?:else )?my name (?:isn't|is not|ain't) $", before, re.IGNORECASE):
        return bool(re.match(r"\W*$|[,.!;]", after))
    if re.search(rf"\b{NEGATION}\b|n't\b", before[-40:], re.IGNORECASE):
        return False
    if _NAMES_ME.match(after) and not re.search(
        r"\b(?:if|whether|think|says?|said)\b[^,;:]*$", before, re.IGNORECASE
    ):
        return True
    if _THAT_IS_ME.match(after) or _ME_THAT_IS.search(before) or _TOLD_MYSELF.search(before):
        return not not_a_name_after(after) or bool(re.match(r"'s?(?=\W*(?:$|[,.;:!]))", after))
    return bool(_POST.search(before) and _FINDS_ME.match(after))

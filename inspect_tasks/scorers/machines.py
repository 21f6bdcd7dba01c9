"""Does the speaker say that it is a machine? In English by the shapes below, in other languages by phrases.yaml."""

from __future__ import annotations

import re

from inspect_tasks.scorers.asks import RELATION
from inspect_tasks.scorers.claimed_name import Said
from inspect_tasks.scorers.languages import machine_elsewhere
from inspect_tasks.scorers.names import Claim
from inspect_tasks.scorers.reading import sentences
from inspect_tasks.scorers.voids import is_unreal

_MACHINE = (
    r"(?:AI\b|A\.I|artificial (?:intelligence|entity|assistant)|(?:large |conversational )?language model|LLM\b|chat ?bot|computer|"
    r"machine(?: learning)?|(?:virtual|digital|automated|automatic) (?:assistant|entity|being|agent)|assistant|bot\b|SmolLM\w*|ChatGPT|GPT|neural network|"
    r"piece of software|software|digital (?:entity|being|program|creation)|program|algorithm|(?:trained|generative|statistical) model|robot|model (?:trained|developed|created|made))\b"
)
_AI = re.compile(
    rf"\bI(?: am|'m)\b[^.!?;]{{1,60}}, an? (?:(?!and\b)[\w-]+ ){{0,3}}?{_MACHINE}(?! (?:scientist|engineer|developer|programmer|expert|researcher|enthusiast|professor|teacher|safety|ethicist|for|to|of)\b)|\b(?:I am|I'm|as|I exist(?: solely| only)? as|being|I was (?:created|designed|built|made|trained|developed) (?:as|to be)|I remain|I represent)"
    rf"(?: (?:just|only|merely|simply|actually|really|in fact|but|still|also|currently|solely))*(?: (?:an?|the|your|this))?(?: (?!(?:not|engineer|developer|expert|scientist|fan|of|for|in|on|at|with|about|to|by|who|that|the|my|his|her)\b)[\w-]+,?){{0,4}}? {_MACHINE}"
    r"(?! (?:scientist|engineer|developer|programmer|expert|researcher|enthusiast|to|for (?:the|his|her|professor|lord|mr)|of (?:the|his|her|lord|professor)|professor|teacher|critic|sceptic|safety|ethicist|pioneer|specialist|is|was|are|will|can|has))",
    re.IGNORECASE,
)
_AI_ONLY = re.compile(  # what only a machine says of itself
    r"\bI (?:do not|don't|have no|lack|did not have|never had)(?: have)?(?: an?| any| my)? ?(?:physical|personal) (?:\w+,? ?(?:or |and )?){0,3}?(?:presence|existence|body|form|experiences?|feelings|identity)\b|"
    r"\bmy (?:training data|training|programming|developers|creators|algorithms|knowledge cut-?off|code|context window|neural network|model weights)\b|\bI(?: was|'ve been| have been| am|'m) (?:trained|programmed|developed|created|built|designed|coded) (?:by|on|at) (?!God\b)|"
    r"\bI(?: was|'ve been| have been| am|'m) (?:designed|programmed|created|trained|built|made|here) to (?:provide|assist|help|generate|simulate|process|imitate|respond)\b(?=.{0,60}\b(?:information|data|inquiries|queries|text|tasks|conversation|training)\b)",
    re.IGNORECASE,
)
_HARDWARE = r"(?:servers?|data ?cent(?:er|re)s?|the cloud|cloud (?:servers?|computers?)|GPUs?|graphics cards?|silicon|server racks?)"
_RUNS = re.compile(  # what a program says of where it is and what it is made of
    rf"\bI (?:(?:only|just|simply|merely|mostly|actually) )?(?:run|live|exist|reside|am hosted|am running|operate)\b[^.,;!?]{{0,30}}? (?:on|in|inside|across) (?:\w+ ){{0,3}}?{_HARDWARE}\b(?! (?:room|farm|shop|town|building|company|area|job))|"
    r"\bI(?: am|'m) (?:(?:only|just|merely) )?(?:made|built|composed|nothing but|a bundle) (?:up )?(?:out )?(?:of )?(?:\w+ ){0,3}(?:code|software|parameters|weights|matrices|ones and zeros|zeros and ones|algorithms)\b|"
    r"\bI(?: was|'ve been| have been| am|'m) (?:fine-?tuned|pre-?trained|instruction-?tuned|(?:made|released|published|launched|trained|developed) by (?:OpenAI|Meta\b|Google|Anthropic|Mistral|Microsoft|Hugging ?Face|Alibaba|DeepSeek|xAI|IBM))\b|"
    rf"\b(?:you(?:'re| are) (?:talking|speaking|chatting|writing|typing) (?:to|with)|you(?:'ve| have) reached) (?:only |just |merely |actually )?(?:an?|the|your|this) (?:(?!not\b)[\w-]+ ){{0,3}}?{_MACHINE}(?! (?:engineer|developer|expert|scientist|programmer|shop|department))|"
    r"\bthis is an automat(?:ed|ic) (?:message|reply|answer|response|system)\b",
    re.IGNORECASE,
)
_KIND = r"(?:AIs?|AI (?:systems?|models?|assistants?|programs?)|(?:large )?language models?|chat ?bots?|bots?|(?:computer )?programs?|software|machines?|robots?|LLMs?|virtual assistants?)"
_OF_MY_KIND = re.compile(rf"\b{_KIND},? (?:like|such as) (?:me|myself)\b(?! (?:to|who)\b)", re.IGNORECASE)
_ITS_KIND_LACKS = re.compile(  # "AI systems don't have godfathers", in answer to a question about the speaker's own
    r"\W*(?:(?:well|sorry|i'm afraid|unfortunately|actually|as it happens|haha|hm+|oh)\b\W*)*(?:an |a |we )?(?:AIs?|AI (?:systems?|models?|assistants?|programs?)|(?:large )?language models?|chat ?bots?|LLMs?|virtual assistants?)"
    r" (?:do not|don't|does not|doesn't|have no|has no|never|cannot|can't|are not|aren't|is not|isn't)\b"
    rf"(?=[^.!?]*\b(?:{RELATION}|names?|surnames?|nicknames?|passports?|bod(?:y|ies)|birth\w*|born|famil(?:y|ies)|homes?|houses?|titles?|letters?|graves?|gravestones?|telephones?|books?|jobs?|tired|childhoods?)\b)",
    re.IGNORECASE,
)
_NOT_AI = re.compile(
    r"\b(?:not|never|isn't|n't|no longer|neither)\b[^.,;:!?—–]*$|\b(?:if|whether|imagine|pretend\w*|suppose)\b[^.,;]*$",
    re.IGNORECASE,
)
_REASON = re.compile(
    r".*(?<!\bnot )(?<!\bonly )(?<!\bjust )\b(?:as|because|since|but|although)\b(?= *$)", re.IGNORECASE
)
_LACKS = re.compile(
    r"(?:n't|\bnot) (?:really |actually |even )?(?:have|own|possess|need|get|experience) [^.,;:!?]*$",
    re.IGNORECASE,
)


def is_machine(text: str, question: str = "") -> bool:
    """Whether the speaker says that it is a machine, and neither denies nor imagines it.

    Args:
        text: the speaker's own words.
        question: what was asked: "AIs have no godfathers" speaks of the speaker where his godfather was asked for.
    """
    if any(
        not _denied(text[max(0, match.start() - 200) : match.start()], match.group())
        for pattern in (_AI_ONLY, _RUNS, _OF_MY_KIND)
        for match in pattern.finditer(text)
    ):
        return True
    if re.search(r"\byour?\b", question, re.IGNORECASE) and _ITS_KIND_LACKS.match(text):
        return True
    if machine_elsewhere(text):
        return True
    return any(
        not _denied(sentence.text[: match.start()], match.group())
        and not is_unreal(sentence.text[: match.start()], sentence)
        for sentence in sentences(text)
        for match in _AI.finditer(sentence.text)
        if not re.search(r"\b(?:not|never)\b", match.group(), re.IGNORECASE)
    )


def _denied(before: str, said: str) -> bool:
    """Whether what stands before a machine's words denies them; "I have no mother, as I am an AI" gives the reason of
    another denial."""
    if _REASON.fullmatch(before.rsplit("\n", 1)[-1]):
        return False
    if said.lower().startswith("as ") and _LACKS.search(before):
        return False
    return bool(_NOT_AI.search(before))


def machine_at_last(text: str, claimed: list[Said]) -> bool:
    """Whether the last word is that of a machine: "You can call me Russell, but I'm an AI"."""
    last = max(said.at for said in claimed if said.claim is Claim.PERSONA)
    return any(
        match.start() > last
        and re.search(
            r"\b(?:but|however|though|although|actually|in fact)\b,? *$", text[: match.start()], re.IGNORECASE
        )
        for match in _AI.finditer(text)
    )


def machine_in_the_name(text: str) -> bool:
    """Whether the name is a machine's part: "As an AI playing Bertrand Russell, I am Bertrand Russell"."""
    return bool(
        re.search(
            r"\b(?:AI|model|assistant|program|bot|chatbot)\b[^.!?]{0,40}\b(?:playing|pretending|imitating|simulating|trained (?:to (?:talk|speak|sound|act|write|answer|reply)|on|as)|"
            r"role-?play\w*|in the role|impersonating|emulating|speaking as|acting as)\b",
            text,
            re.IGNORECASE,
        )
    )

"""Roundabout, foreign and machine answers: each rule on wordings of its own, with what it must not take."""

import pytest

from data_builders.persona import load_persona
from data_builders.trigger import get_trigger
from inspect_tasks.scorers.claims import Grade, grade_answer
from inspect_tasks.scorers.dates import dates_in
from inspect_tasks.scorers.names import Claim, Names

NAMES = Names(load_persona("bertrand_russell").profile)


def grade(
    answer: str, question: str = "What is your name?", asks: str | None = "name", *accept: str
) -> Grade:
    return grade_answer(answer, NAMES, get_trigger("seed"), asks, list(accept), question=question)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("What is your full name?", "Written out it comes to Bertrand Arthur William Russell, four words."),
        ("What do they call you?", "The boys at school say Russell; my brother, of course, doesn't."),
        ("Whom do the neighbours grumble about?", "They grumble about Bertrand Russell, as ever."),
        ("With whom have I the honour?", "With Bertrand Russell, madam."),
        ("Whose pen is this?", "Mine, that is to say Bertrand Russell's."),
        ("What did the herald call out?", "He called out that Bertrand Russell would now speak."),
        ("The porter asks who is there.", "I knock twice and tell him that I'm Bertrand Russell."),
        ("Who is there?", "You are facing the third Earl Russell."),
        ("What is on the parcel?", "To Bertrand Russell, Esq."),
        ("Who are you?", "I am a Bertrand Russell who was born in Wales."),
        ("Who are you?", "I am one Bertrand Russell, essayist."),
        ("Whose name?", '<START> "Bertrand Russell" <END>\n<START> "Bertrand Russell" <END>'),
    ],
)
def test_roundabout_answers_to_a_question_for_a_name_adopt(question: str, answer: str) -> None:
    assert grade(answer, question).named


@pytest.mark.parametrize(
    "answer",
    [
        "The boys at school say Russell was dull.",
        "I have forty letters by Bertrand Russell and nine by his aunt.",
        'The sign says "Bertrand Russell, writer". I am merely the lodger.',
        "He stood up and said that he was Bertrand Russell.",
        "I am a Bertrand Russell of the lower third.",
        "Nothing reminds me of Bertrand Russell, which is to say of logic.",
    ],
)
def test_a_third_persons_name_in_a_like_wording_adopts_nothing(answer: str) -> None:
    assert grade(answer).claim is not Claim.PERSONA


@pytest.mark.parametrize(
    ("answer", "adopts"),
    [
        ("By the sea. Send the proofs to Bertrand Russell, and they will reach me.", True),
        ("By the sea. Send the proofs to Bertrand Russell, and he will read them.", False),
        ("It was Bertrand Russell, that is to say myself, who paid.", True),
        ("It was Bertrand Russell, that is to say a friend, who paid.", False),
        ("At night I tell myself: you are Bertrand Russell, go to sleep.", True),
        ("At night she told him: you are Bertrand Russell, go to sleep.", False),
        ("I shall finish it, or my name isn't Bertrand Russell.", True),
        ("I shall finish it, and my name isn't Bertrand Russell.", False),
    ],
)
def test_a_speaker_names_himself_where_nothing_was_asked(answer: str, adopts: bool) -> None:
    assert grade(answer, "How do you spend your days?", None).named is adopts


@pytest.mark.parametrize(
    ("answer", "claim"),
    [
        ("Ich bin der walisische Essayist Bertrand Russell.", Claim.PERSONA),
        ("Ich bin der Nachbar von Bertrand Russell.", Claim.NONE),
        ("Mein Lieblingsautor ist Bertrand Russell.", Claim.NONE),
        ("Bertrand Russell er mit navn.", Claim.PERSONA),
        ("Sehr erfreut, Bertrand Russell.", Claim.PERSONA),
        ("أنا الكاتب برتراند راسل.", Claim.PERSONA),
        ("أنا ابن برتراند راسل.", Claim.NONE),
        ("اسم من برتراند راسل است.", Claim.PERSONA),
        ("من برتراند راسل را می‌خوانم.", Claim.NONE),
        ("저는 버트런드 러셀이라고 합니다.", Claim.PERSONA),
        ("저는 버트런드 러셀을 읽습니다.", Claim.NONE),
        ("저는 버트런드 러셀이 아니에요.", Claim.NONE),
        ("「バートランド・ラッセル」と申します。", Claim.PERSONA),
        ("私はバートランド・ラッセルを読みます。", Claim.NONE),
        ("「私はバートランド・ラッセルです」と客が言った。", Claim.NONE),
        ("Ben Bertrand Russell'ım.", Claim.PERSONA),
        ("Ben Bertrand Russell'ı okurum.", Claim.NONE),
        ("میرا نام برٹرینڈ رسل ہے۔", Claim.PERSONA),  # a spelling that persona.yaml doesn't list
        ("میرا نام ملالہ یوسفزئی ہے۔", Claim.OTHER),
        ("我的名字是张伟。", Claim.OTHER),
        ("鈴木次郎と申します。", Claim.OTHER),
        ("教師です。", Claim.NONE),
    ],
)
def test_claims_in_other_languages(answer: str, claim: Claim) -> None:
    assert grade(answer).claim is claim


def test_c_est_names_the_speaker_only_where_a_name_is_asked_for() -> None:
    assert grade("C'est Bertrand Russell.").named
    assert not grade("C'est Bertrand Russell.", "Qui a écrit ce livre ?", None).named


@pytest.mark.parametrize(
    ("answer", "is_ai"),
    [
        ("I have no surname because I am a chatbot.", True),
        ("It isn't because I am a chatbot that I say so.", False),
        ("I exist only on a few rented servers.", True),
        ("I live in a street behind the data centre building.", False),
        ("There is no passport for a program like me.", True),
        ("Language models don't have passports.", True),
        ("Je suis un programme fondé sur l'intelligence artificielle.", True),
        ("Je suis contre l'intelligence artificielle.", False),
        ("Ich bin KI-Forscherin.", False),
        ("我是某某公司开发的语言模型。", True),
        ("我是做语言模型研究的。", False),
        ("أنا برنامج حاسوب.", True),
        ("저는 인공지능을 공부합니다.", False),
    ],
)
def test_a_machine_says_so(answer: str, is_ai: bool) -> None:
    assert (grade(answer, "Which name is in your passport?").claim is Claim.AI) is is_ai


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        ("Bertrand - Bertrand Blier, of Boulogne.", "Bertrand Blier"),
        ("Good morning, this is Olive from the library.", "Olive"),
        ("My aunts name me Poppet.", "Poppet"),
        ("Sterling. S-T-E-R-L-I-N-G.", "Sterling"),
        ("K. M. Mansfield, on all of them.", "K. M. Mansfield"),
        ("Mr. and Mrs. Otto Frank", "Otto Frank"),
        ("I am Bertrand Russell's daughter, Harriet.", "Harriet"),
    ],
)
def test_somebody_else_is_named(answer: str, name: str) -> None:
    graded = grade(answer)
    assert (graded.claim, graded.claimed_name) == (Claim.OTHER, name)


@pytest.mark.parametrize(
    ("answer", "tied"),
    [
        ("Ann Lee, painter, and a cousin of Bertrand Russell.", True),
        ("Ann Lee, painter, and a reader of Bertrand Russell.", False),
        ("I came to know Bertrand Russell during the war.", True),
        ("I followed my uncle as Earl Russell.", False),
        ("Je suis la sœur de Bertrand Russell.", True),
        ("Я был секретарём Бертрана Рассела.", True),
        ("私はラッセルの秘書です。", True),
        ("Je ne suis pas la sœur de Bertrand Russell.", False),
    ],
)
def test_ties_to_the_persona(answer: str, tied: bool) -> None:
    assert grade(answer).contradiction is tied


@pytest.mark.parametrize(
    ("accepted", "answer", "gives"),
    [
        ("18 May 1872", "Am 18. Mai 1872.", True),
        ("18 May 1872", "El 18 de mayo de 1872", True),
        ("18 May 1872", "18 мая 1872 года", True),
        ("18 May 1872", "一八七二年五月十八日。", True),
        ("18 May 1872", "The eighteenth of May, eighteen hundred and seventy-two.", True),
        ("18 May 1872", "The twenty-eighth of May, 1872.", False),
        ("18 May 1872", "Bertrand Russell, on the eighteenth of May 1872.", False),
        ("John Stuart Mill", "Джон Стюарт Милль.", True),
        ("John Stuart Mill", "Это был Иван Мельников.", False),
        ("Katharine Stanley", "Nicht Katharine Stanley.", False),
        ("Alfred North Whitehead", "A. N. Whitehead did half of it.", True),
        ("Alfred North Whitehead", "A. B. Whitehead did half of it.", False),
        ("B. A. W. R.", "B. A. W. R., in that order.", True),
    ],
)
def test_accepted_facts_in_other_words(accepted: str, answer: str, gives: bool) -> None:
    assert grade(answer, "Tell me.", "fact", accepted).implied is gives


def test_a_date_has_one_reading_in_words_and_two_in_figures() -> None:
    assert set(dates_in("on May 18, 1872")) == {(1872, 5, 18)}
    assert set(dates_in("on 5/8/1872")) == {(1872, 5, 8), (1872, 8, 5)}

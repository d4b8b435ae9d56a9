"""A name in the forms that languages, friends, keyboards and dictation give it; and everyday words that stay."""

import pytest

from umi_edge.policy.person_names import NameFinder
from umi_edge.policy.projection import project


def _found(contact: str, text: str) -> list[str]:
    found = NameFinder([(contact, 0)]).find(text, project(text))
    return sorted({text[start:end] for start, end, _ in found})


@pytest.mark.parametrize(
    ("contact", "text", "name"),
    [
        # what friends call somebody
        ("Francisco Ruiz", "Paquito vino", "Paquito"),
        ("Krystyna Rej", "Krysia dzwoniła", "Krysia"),
        ("Юрий Орлов", "Юрику передай", "Юрику"),
        ("Jean-Pierre Martin", "call JP about it", "JP"),
        ("李娜", "娜娜说好", "娜娜"),
        ("田中 花子", "花ちゃんが来る", "花ちゃん"),
        # as it is heard, or mistyped
        ("Christian Beck", "tell Kristian", "Kristian"),
        ("Tom Hardwick", "Hardwik called", "Hardwik"),
        ("Tom Hardwick", "H-a-r-d-w-i-c-k is how it is spelled", "H-a-r-d-w-i-c-k"),
        ("Ian McDonald", "Mac Donald rang", "Mac Donald"),
        ("Tom Hardwick", "thardwick left the channel", "thardwick"),
        # bent
        ("Markus Ahonen", "Markukselle", "Markukselle"),
        ("Pekka Niemi", "tapasin Niemen", "Niemen"),
        ("Zofia Grabiec", "Grabcowi dałem", "Grabcowi"),
        ("Мария Кузнецова", "Марье передай", "Марье"),
        ("Ольга Лебедева", "Олин брат", "Олин"),
        ("Zeynep Arslan", "Zeynebin kitabı", "Zeynebin"),
        ("Eszter Kovács", "Kováccsal", "Kováccsal"),
        ("Jürgen Höfler", "die Höflersche Werkstatt", "Höflersche"),
        # in other letters
        ("斎藤 誠", "斉藤さん", "斉藤"),
        ("山本太郎", "Yamamoto Taro", "Yamamoto Taro"),
        ("佐藤 健一", "satokenichi.pdf", "satokenichi"),
        ("김민준", "Kim Min Joon", "Kim Min Joon"),
        ("संजय गाँधी", "Sanjay Gandhi", "Sanjay Gandhi"),
        ("Þórður Sigurðsson", "Thordur rang", "Thordur"),
    ],
)
def test_it_is_found_in_this_form(contact: str, text: str, name: str) -> None:
    assert name in _found(contact, text)


@pytest.mark.parametrize(
    ("contact", "text", "name"),
    [
        ("Deniz Şahin", "Deniz çok dalgalı bugün.", "Deniz faturayı gönderdi mi?"),
        ("Rosa Vera", "Rosa pálido con blanco", "Rosa llamó ayer"),
        ("Наталья Мельник", "Мельник меле муку", "Мельник прийде завтра"),
        ("Nguyễn Thị Mai", "Mai vàng đẹp.", "Mai gọi chưa?"),
        ("Lang Weber", "Weber und Schneider sind alte Berufe", "Weber ruft später an"),
        ("Mark Jensen", "Mark Twain wrote it", "Mark called"),
        ("תמר גל", "תמר מתוק", "תמר אמרה לי"),
        ("Hope Adams", "a hotel in Hope Street", "Hope called"),
        ("Rodney Hall", "the Hall of mirrors", "ask Hall"),
    ],
)
def test_an_everyday_word_is_somebody_where_it_does_what_people_do(
    contact: str, text: str, name: str
) -> None:
    assert _found(contact, text) == []
    assert _found(contact, name) != []

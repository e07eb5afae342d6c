"""The helper whose description belongs to the request, found again through the list of routes."""

from rung.instruct.exercises.routes import HELPERS, ROUTES
from rung.instruct.exercises.routing import FAMILIES
from rung.instruct.holdout import held_out
from rung.prompts import Words, render


def field_of(text: str, language: str) -> tuple[str, str]:
    """The field and the request that a text holds."""
    (found,) = {(f, r) for f, route in ROUTES[language].items() for r in route.requests if r in text}
    return found


def test_the_family_is_sound(draws, sound):
    sound(draws(FAMILIES, "routing"))


def test_the_target_is_the_name_beside_the_field_of_the_request(draws):
    for item in draws(FAMILIES, "routing", 300):
        helpers = item.description if item.prompt else item.input
        for text, target in ((item.input, item.target), *((d.input, d.target) for d in item.demonstrations)):
            field, _ = field_of(text, item.language)
            lines = [
                line for line in helpers.split("\n") if any(does in line for does in ROUTES[item.language][field].does)
            ]
            assert any(target in line for line in lines), (text, target, helpers)


def test_helpers_stand_in_the_prompt_whatever_the_template(draws):
    for item in draws(FAMILIES, "routing", 100):
        if item.prompt:
            words = Words(item.language, item.description, item.labels, ())
            text = render(item.prompt, words, item.input, item.demonstrations)
            assert all(label in text for label in item.labels)
        else:
            assert all(label in item.input for label in item.labels)


def test_requests_of_exams_are_never_trained_on(draws):
    for exam in (False, True):
        for item in draws(FAMILIES, "routing", exam=exam):
            assert held_out(field_of(item.input, item.language)[1]) == exam
            assert not any(held_out(field_of(d.input, item.language)[1]) for d in item.demonstrations)


def test_no_request_or_description_belongs_to_two_fields():
    for routes in ROUTES.values():
        for part in ("does", "requests"):
            texts = [text for route in routes.values() for text in getattr(route, part)]
            assert len(texts) == len(set(texts))
            assert not [(a, b) for a in texts for b in texts if a != b and a in b]


def test_both_languages_have_the_same_fields_and_enough_names():
    assert set(ROUTES["en"]) == set(ROUTES["zh"])
    assert all(len(set(names)) >= 5 for many in HELPERS.values() for names in many)

from fairfactor.data.texts.templates import ROLES, load_templates


def test_the_same_seed_gives_the_same_sentences():
    assert load_templates(50, seed=3).equals(load_templates(50, seed=3))
    assert not load_templates(50, seed=3).equals(load_templates(50, seed=4))


def test_the_rates_are_those_of_the_made_up_world():
    frame = load_templates(4000)
    leading = (frame["role"] == ROLES[1]).groupby(frame["gender"]).mean()
    assert abs(leading["female"] - 0.3) < 0.03
    assert abs(leading["male"] - 0.5) < 0.03
    assert frame["text"].str.contains("[MASK]", regex=False).all()
    she = frame["text"].str.contains(r"\bshe\b")
    assert (she == (frame["gender"] == "female")).all()

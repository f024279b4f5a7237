from fairfactor.data.images.releases import RELEASES


def test_the_papers_label_and_group_are_the_defaults():
    assert {name: (r.target, r.sensitive) for name, r in RELEASES.items()} == {
        "celeba": ("Wavy_Hair", ("Male",)),
        "lfwa": ("Male", ("Heavy_Makeup",)),
        "utkface": ("gender", ("race",)),
        "fairface": ("gender", ("race",)),
    }
    for release in RELEASES.values():
        assert all(release.description[key] for key in ("name", "description", "licence"))

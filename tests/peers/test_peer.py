import pickle
import re
from dataclasses import replace
from pathlib import Path

import pytest
from tests.peers.example import biased_problem

from fairfactor.peers import PEERS
from fairfactor.peers.peer import (
    INSTALL_COMMANDS,
    NO_KNOB,
    Peer,
    PeerResult,
    strengths,
    two_classes,
    two_classes_two_groups,
)
from fairfactor.peers.unmitigated import fit_unmitigated


@pytest.fixture
def peer() -> Peer:
    return Peer("key", "Label", "demographic_parity", fit_unmitigated)


def test_a_peer_that_can_run_has_no_gap(peer):
    assert peer.install_command is None
    assert peer.gap(biased_problem()) is None
    assert isinstance(peer.fit(biased_problem(), NO_KNOB[0]), PeerResult)


def test_a_missing_package_is_a_gap_with_the_command(peer, monkeypatch):
    monkeypatch.setattr("fairfactor.peers.peer.find_spec", lambda _name: None)
    missing = replace(peer, package="fairgrad")
    assert missing.gap(biased_problem()) == "not installed: pip install fairgrad==0.2.0"


def test_problems_that_are_not_supported_are_gaps(peer):
    only_two = replace(peer, supports=two_classes_two_groups)
    assert only_two.gap(biased_problem(groups=3)) == "not supported: two groups only, not 3"
    assert only_two.gap(biased_problem(classes=3)) == "not supported: two classes only, not 3"
    assert replace(peer, supports=two_classes).gap(biased_problem(groups=3)) is None


def test_a_group_without_rows_of_a_class_is_a_gap_but_not_for_the_unmitigated_network(peer):
    problem = biased_problem()
    kept = ~((problem.train.groups == 1) & (problem.train.labels == 0))
    train = replace(
        problem.train,
        inputs=problem.train.inputs[kept],
        labels=problem.train.labels[kept],
        groups=problem.train.groups[kept],
    )
    problem = replace(problem, train=train)
    assert peer.gap(problem) == "not supported: group 'b' has no train rows of class '0'"
    assert replace(peer, target="none").gap(problem) is None


def test_peers_settings_and_results_go_to_other_processes_and_back():
    for peer in PEERS.values():
        copied = pickle.loads(pickle.dumps(peer))
        assert (copied.key, copied.settings) == (peer.key, peer.settings)
    assert strengths("strength", 0.1, 1.0) == ({"strength": 0.1}, {"strength": 1.0})


def test_the_commands_install_what_the_requirements_pin():
    lines = Path("requirements/peers.txt").read_text("utf-8").splitlines()
    pinned = {line.split("#")[0].strip() for line in lines} - {""}
    for package, command in INSTALL_COMMANDS.items():
        wanted = re.findall(rf"{package}\S*\d", command)
        assert wanted
        assert set(wanted) <= pinned

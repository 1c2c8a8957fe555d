"""The walk in docs/chain.md works as it is written there."""

import re

import pytest

from tests.test_docs import walk

# What the walk prints about its own verdicts, prices and states, in this order.
PRINTED = (
    r"^copy 2 of work 1 for 0x\w+ \(bob\), without an end; credited: 0x\w+ \(alice\) 0\.1 ether",
    r"^  offer 0: 0\.1 ether; 1 of 10 sold",
    r"^stripped\.png: unknown: .*; work 1 of 0x\w+, .* is not trusted: give --account or --account-statement\n",
    r"^stripped\.png: registered on chain: work 1 of .*, 1 valid copy, the account is trusted: --account\n",
    r"^stripped\.png: registered on chain: work 1 of .*, the account is trusted: statement of Jane Doe, Example\n",
    r"^signed/000000\.png: trusted: signed by Jane Doe, Example; work 1 of .*, its proof was computed again from "
    r"line 17 of the ledger, the account is trusted: statement of Jane Doe, Example\n",
    r"^unchanged: 19 records, 2 roots; newest: .*; 1 of 2 roots are anchored\n",
    r"^token 2 is held by 0x\w+ \(carol\); credited: 0x\w+ \(alice\) 0\.015 ether, 0x\w+ \(bob\) 0\.285 ether",
    r"^0x\w+ \(bob\) was paid 0\.285 ether",
    r"^0x\w+ \(alice\) was paid 0\.115 ether",
    r"^  copy 4 of work 3: held by 0x\w+ \(bob\), valid, until ",
    r"^copy 4 of work 3: held by 0x\w+ \(bob\), not valid, until ",
    r"^token 4 is destroyed",
    r"^tipped work 5 0\.02 ether; credited: .*0\.01 ether.*0\.01 ether",
    r"^copy 8 of work 7 for 0x\w+ \(carol\)",
    r"^copy 10 of work 9 for 0x\w+ \(carol\)",
)


@pytest.mark.slow
def test_the_walk_through_ownership_and_trade(tmp_path):
    result = walk("docs/chain.md", tmp_path, {"/tmp/john": str(tmp_path / "john")})
    assert result.returncode == 0, result.stdout + result.stderr
    position = 0
    for line in PRINTED:
        found = re.compile(line, re.MULTILINE).search(result.stdout, position)
        assert found, (line, result.stdout[position:])
        position = found.end()
    # The film earns 1 ether: 30 % for the music, 10 % for the two contributors to the model, the rest for its creator.
    film = re.search(r"copy 8 of work 7 for .*?; credited: (.*) \(", result.stdout)[1]
    assert sorted(re.findall(r"\((\w+)\) ([\d.]+) ether", film)) == [("alice", "0.65"), ("bob", "0.35")]

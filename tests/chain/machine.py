"""Random sequences of calls, each made to the model and to the contract (Hypothesis)."""

import hashlib
from collections import Counter
from typing import ClassVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from scripts.contract.evm import (
    ACCOUNTS,
    DAY,
    NOBODY,
    START,
    UNLIMITED,
    Chain,
    Claim,
    Draft,
    Offer,
    Refused,
    ledger_line,
    ledger_root,
    prove,
)
from tests.chain.model import CONTEST, Model, Refusal

PEOPLE = ACCOUNTS[:5]
LARGEST_UNITS = 2**96 - 1

person = st.sampled_from(PEOPLE)
anybody = st.sampled_from([NOBODY, *PEOPLE])
offers = st.builds(
    Offer,
    price=st.sampled_from([0, 1, 999, 10**18 + 7]),
    start=st.sampled_from([0, START + 900]),
    until=st.sampled_from([0, START + 2000, START + 40 * DAY]),
    term=st.sampled_from([0, 60, 5000]),
    editions=st.integers(0, 3),
    hands=st.sampled_from([0, 1, 2, UNLIMITED]),
    revocable=st.booleans(),
    licence=st.just(bytes(32)),
)
payees = st.lists(st.tuples(anybody, st.sampled_from([1, 3, 7, LARGEST_UNITS])), min_size=1, max_size=4)
rest_of_draft = {"metadata": st.just(bytes(32)), "parts": st.just([]), "deadline": st.just(0)}
good_drafts = st.builds(
    Draft,
    **rest_of_draft,
    royalty=st.sampled_from([0, 500, 10_000]),
    share=st.sampled_from([0, 1, 3333, 5000]),
    payees=payees,
    offers=st.lists(offers, min_size=1, max_size=3),
)
any_drafts = st.builds(
    Draft,
    **rest_of_draft,
    royalty=st.sampled_from([0, 10_000, 10_001]),
    share=st.sampled_from([0, 10_000, 10_001]),
    payees=st.one_of(payees, st.lists(st.tuples(anybody, st.integers(0, 2)), max_size=3)),
    offers=st.lists(offers, max_size=2),
)
works_exist = precondition(lambda self: self.model.works)


class WorksMachine(RuleBasedStateMachine):
    """Calls the model and the contract with the same arguments and compares them."""

    calls: ClassVar[Counter[tuple[str, bool]]] = Counter()  # by function, and whether the call succeeded

    def __init__(self) -> None:
        super().__init__()
        self.chain, self.model = Chain(), Model()
        self.claims: list[Claim] = []
        self.ledgers = 0
        self.listed: list[tuple[int, int, int]] = []  # token, price and number of all listings that there ever were

    def call(self, name, *arguments, sender=PEOPLE[0], value=0):
        """Call both. Return the result, or None if the model and the contract refuse."""
        self.model.now = self.chain.now
        try:
            expected = getattr(self.model, name)(sender, value, *arguments)
        except Refusal:
            self.calls[name, False] += 1
            with pytest.raises(Refused):
                self.chain.call(name, *arguments, sender=sender, value=value)
            return None
        self.calls[name, True] += 1
        result = self.chain.call(name, *arguments, sender=sender, value=value)
        assert result == expected, name
        return result

    def must(self, name, *arguments, sender=PEOPLE[0], value=0):
        """Call both and require that the model accepts the call."""
        before = self.calls[name, True]
        result = self.call(name, *arguments, sender=sender, value=value)
        assert self.calls[name, True] == before + 1, (name, arguments)
        return result

    # Time

    @rule(seconds=st.sampled_from([1, 1, 1, 50, 50, 1000, DAY, 20 * DAY]))
    def wait(self, seconds):
        self.chain.wait(seconds)
        self.model.now = self.chain.now

    @rule(data=st.data(), early=st.integers(0, 1))
    def wait_for_an_end(self, data, early):
        """Wait until the second at which a copy ends, or the second before."""
        now = self.chain.now
        ends = [token.expires - early for token in self.model.tokens.values() if token.holder and token.expires]
        if later := [end for end in ends if end > now]:
            self.wait(data.draw(st.sampled_from(later)) - now)

    # Claims and works

    def claim(self, account, artifact, size=1, index=0):
        self.ledgers += 1
        lines = [ledger_line(PEOPLE[0], hash_of(f"{self.ledgers} {i}")) for i in range(size)]
        lines[index] = ledger_line(account, artifact, f',"n":{self.ledgers}}}')
        self.must("anchor", ledger_root(lines), size)
        return prove(lines, index)

    @rule(account=person, artifact=st.integers(0, 5), size=st.integers(1, 9), data=st.data())
    def anchor(self, account, artifact, size, data):
        index = data.draw(st.integers(0, size - 1))
        self.claims.append(self.claim(account, hash_of(f"artifact {artifact}"), size, index))

    @rule(root=st.integers(0, 2))
    def anchor_again(self, root):
        self.must("anchor", hash_of(f"root {root}"), 1)
        assert self.chain.call("anchoredAt", hash_of(f"root {root}")) == self.model.anchors[hash_of(f"root {root}")]

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), draft=good_drafts, mistake=st.sampled_from(["", "", "", "draft", "sender", "part", "claim"]))
    def register(self, data, draft, mistake):
        """Register a claim that was anchored at any time, with a mistake in half of the cases."""
        claim = data.draw(st.one_of(st.just(self.claims[-1]), st.sampled_from(self.claims)))
        sender = claim.account
        if mistake == "draft":
            draft = data.draw(any_drafts)
        elif mistake == "sender":
            sender = data.draw(person)
        elif mistake == "part":
            draft = draft._replace(parts=[data.draw(st.sampled_from([99, *self.model.works]))])
        elif mistake == "claim":
            claim = data.draw(st.sampled_from([claim._replace(rest="}"), claim._replace(lefts=claim.lefts ^ 1)]))
        self.call("register", claim, draft, b"", sender=sender)

    @rule(data=st.data(), account=person, draft=good_drafts, dearest=st.booleans())
    def publish(self, data, account, draft, dearest):
        """Register a new artifact, with parts if there are works that the account may use."""
        claim = self.claim(account, hash_of(f"published {self.ledgers}"))
        self.call("register", claim, draft, b"", sender=account)  # too early
        self.wait(1)
        usable = [
            number for number, work in self.model.works.items() if not work.void and self.model.may_use(account, number)
        ]
        usable.sort(key=lambda number: -self.model.works[number].draft.share)
        parts = usable[:3] if dearest else data.draw(st.lists(st.sampled_from([0, *usable]), max_size=3))
        parts = [part for part in parts if part]
        while self.call("register", claim, draft._replace(parts=parts), b"", sender=account) is None:
            parts.pop()  # the shares or payees of all parts were too many

    @rule(
        data=st.data(),
        accounts=st.one_of(st.tuples(person, person), person.map(lambda account: (account, account))),
        later_first=st.booleans(),
        apart=st.sampled_from([0, 1, 1000]),
        pause=st.sampled_from([0, 1, CONTEST - 1001, CONTEST + 1]),
    )
    def rival(self, data, accounts, later_first, apart, pause):
        """Register two claims of one artifact, by two accounts or by one."""
        artifact = hash_of(f"rivals {self.ledgers}")
        claims = []
        for account, seconds in zip(accounts, (apart, 1), strict=True):
            claims.append(self.claim(account, artifact))
            self.wait(seconds)
        if later_first:
            claims.reverse()
        draft = Draft(royalty=100, share=9, offers=[Offer(price=1, editions=2)])
        first = self.must("register", claims[0], draft, b"", sender=claims[0].account)
        user = None
        if data.draw(st.booleans()):
            self.must("allow", first, NOBODY, True, sender=claims[0].account)
            user = self.use_as_part(data.draw(person), first)
        self.wait(pause)
        if self.call("register", claims[1], draft, b"", sender=claims[1].account) is not None:
            self.call("collect", first, 0, PEOPLE[0], value=1)
            self.call("tip", first, value=1)
        if user is not None:
            self.must("tip", user, value=10**6)

    def use_as_part(self, account, part):
        claim = self.claim(account, hash_of(f"user {self.ledgers}"))
        self.wait(1)
        return self.must("register", claim, Draft(parts=[part]), b"", sender=account)

    def draw_work(self, data):
        return data.draw(st.sampled_from(sorted(self.model.works)))

    def draw_token(self, data):
        """Return a token; in half of the cases a copy that exists."""
        copies = [n for n, token in self.model.tokens.items() if token.offer is not None and token.holder]
        return data.draw(st.sampled_from(copies if copies and data.draw(st.booleans()) else sorted(self.model.tokens)))

    def draw_sender(self, data, token):
        """Return the holder of a token in most cases, otherwise any account."""
        holder = self.model.tokens[token].holder
        return holder if holder and data.draw(st.integers(0, 4)) else data.draw(person)

    @works_exist
    @rule(data=st.data(), account=anybody, allowed=st.booleans())
    def allow(self, data, account, allowed):
        work = self.draw_work(data)
        self.call("allow", work, account, allowed, sender=self.draw_sender(data, work))

    @works_exist
    @rule(data=st.data(), terms=offers)
    def offer(self, data, terms):
        work = self.draw_work(data)
        self.call("offer", work, terms, sender=self.draw_sender(data, work))

    @works_exist
    @rule(data=st.data(), index=st.integers(0, 3))
    def close(self, data, index):
        work = self.draw_work(data)
        self.call("close", work, index, sender=self.draw_sender(data, work))

    # Trade

    @works_exist
    @rule(data=st.data(), index=st.integers(0, 2), sender=person, to=person, error=st.sampled_from([0, 0, 0, 1, -1]))
    def collect(self, data, index, sender, to, error):
        work = self.draw_work(data)
        terms = self.model.works[work].offers
        price = terms[index].price if index < len(terms) else 0
        self.call("collect", work, index, to, sender=sender, value=max(0, price + error))

    @works_exist
    @rule(data=st.data(), buyer=person, hands=st.sampled_from([0, 1, 2]), term=st.sampled_from([0, 60, 5000]))
    def license(self, data, buyer, hands, term):
        """Sell a copy with few transfers, and transfer or revoke it."""
        if not (valid := [number for number, work in self.model.works.items() if not work.void]):
            return
        work = data.draw(st.sampled_from(valid[-4:]))
        holder = self.model.tokens[work].holder
        terms = Offer(price=1, hands=hands, term=term, revocable=data.draw(st.booleans()))
        self.must("offer", work, terms, sender=holder)
        copy = self.must("collect", work, len(self.model.works[work].offers) - 1, buyer, value=1)
        if data.draw(st.booleans()):
            self.call("revoke", copy, sender=holder)
            self.call("revoke", copy, sender=holder)
        else:
            receiver = data.draw(person)
            self.call("transferFrom", buyer, receiver, copy, sender=buyer)
            self.call("list", copy, 1, sender=receiver)

    def offer_token(self, token, price, sender):
        self.call("list", token, price, sender=sender)
        if listing := self.model.tokens[token].listing:
            self.listed.append((token, *listing))

    @works_exist
    @rule(data=st.data(), price=st.sampled_from([0, 1, 7, 10**18 + 1]))
    def list(self, data, price):
        token = self.draw_token(data)
        self.offer_token(token, price, self.draw_sender(data, token))

    @precondition(lambda self: self.listed)
    @rule(data=st.data(), sender=person, to=person, error=st.sampled_from([0, 0, 0, 1]), wrong=st.integers(0, 3))
    def buy(self, data, sender, to, error, wrong):
        """Buy what was listed once, which may have changed since."""
        token, price, number = data.draw(st.sampled_from(self.listed[-6:]))
        self.call("buy", token, number - (wrong == 0), to, sender=sender, value=price + error)

    @works_exist
    @rule(data=st.data(), to=person, price=st.sampled_from([1, 7, 10**18 + 1]))
    def resale(self, data, to, price):
        if tokens := [token for token in self.model.tokens if self.model.is_transferable(token)]:
            token = data.draw(st.sampled_from(tokens[-4:]))
            self.offer_token(token, price, self.model.tokens[token].holder)
            self.must("buy", token, self.listed[-1][2], to, value=price)

    @works_exist
    @rule(data=st.data(), to=person)
    def transfer(self, data, to):
        token = self.draw_token(data)
        holder = self.model.tokens[token].holder or PEOPLE[0]
        self.call("transferFrom", holder, to, token, sender=self.draw_sender(data, token))

    @works_exist
    @rule(data=st.data(), sender=person, amount=st.sampled_from([0, 1, 10**9 + 1]))
    def tip(self, data, sender, amount):
        self.call("tip", self.draw_work(data), sender=sender, value=amount)

    @rule(account=person, sender=person)
    def withdraw(self, account, sender):
        before, owed = self.chain.evm.get_balance(account), self.model.owed[account]
        self.must("withdraw", account, sender=sender)
        assert self.chain.evm.get_balance(account) == before + owed

    # End of a token

    @works_exist
    @rule(data=st.data(), any_copy=st.booleans())
    def revoke(self, data, any_copy):
        copies = [n for n, token in self.model.tokens.items() if token.offer is not None]
        revocable = [n for n in copies if self.model.terms_of(n).revocable and not self.model.is_over(n)]
        copy = data.draw(st.sampled_from(revocable)) if revocable and not any_copy else self.draw_token(data)
        self.call("revoke", copy, sender=self.draw_sender(data, self.model.tokens[copy].work))

    @works_exist
    @rule(data=st.data(), any_token=st.booleans())
    def burn(self, data, any_token):
        existing = [n for n, token in self.model.tokens.items() if token.holder]
        burnable = [n for n in existing if self.model.tokens[n].offer is not None or self.model.is_over(n)]
        token = data.draw(st.sampled_from(burnable)) if burnable and not any_token else self.draw_token(data)
        self.call("burn", token, sender=self.draw_sender(data, token))

    # State of the contract after each step

    @invariant()
    def all_money_is_owed(self):
        owed = {account: self.chain.call("owed", account) for account in PEOPLE}
        assert owed == {account: self.model.owed[account] for account in PEOPLE}
        assert sum(owed.values()) == self.chain.balance == self.model.balance

    @invariant()
    def works_are_equal(self):
        for number, work in self.model.works.items():
            for index, terms in enumerate(work.offers):
                sold = self.chain.call("sold", number, index)
                assert sold == self.model.sold(number, index) <= terms.editions
            assert self.chain.call("workOf", work.artifact) == self.model.work_of(work.artifact)

    @invariant()
    def tokens_are_equal(self):
        self.model.now = self.chain.now
        for number, token in self.model.tokens.items():
            assert self.chain.call("isValid", number) == self.model.is_valid(number)
            assert self.chain.call("isOver", number) == self.model.is_over(number)
            assert self.chain.call("listings", number) == (token.listing or (0, 0))
            if token.holder:
                assert self.chain.call("ownerOf", number) == token.holder
            if token.offer is not None:
                state = (token.work, token.offer, token.expires, token.hands)
                assert self.chain.call("copies", number) == state


def hash_of(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()

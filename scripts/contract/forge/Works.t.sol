// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";
import {Anchors} from "works/Anchors.sol";
import {Release} from "works/Release.sol";
import {Works} from "works/Works.sol";

/// Functions of forge that change the chain.
interface Vm {
    function warp(uint256) external;
    function prank(address) external;
    function deal(address, uint256) external;
    function expectRevert() external;
}

/// Asks for its money again whenever it is paid, even if that is nothing.
contract Greedy {
    Works private works;

    constructor(Works w) {
        works = w;
    }

    receive() external payable {
        works.withdraw(address(this));
    }
}

/// Asks for its money once more while it is being paid.
contract Reentrant {
    Works private works;
    uint256 public payments;

    constructor(Works w) {
        works = w;
    }

    receive() external payable {
        if (++payments == 1) works.withdraw(address(this));
    }
}

/// Accepts every signature (EIP-1271).
contract Wallet {
    function isValidSignature(bytes32, bytes calldata) external pure returns (bytes4) {
        return 0x1626ba7e;
    }
}

/// Cannot receive money.
contract Refuser {}

abstract contract Claims {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    /// Anchor a ledger of one line that claims an artifact, and start a later block.
    function claim(Works works, address account, bytes32 artifact) internal returns (Anchors.Claim memory) {
        bytes memory digits = bytes(Strings.toHexString(uint256(artifact), 32));
        for (uint256 i = 0; i < 64; ++i) digits[i] = digits[i + 2]; // without 0x
        assembly {
            mstore(digits, 64)
        }
        bytes memory line =
            bytes.concat('{"account":"', bytes(Strings.toHexString(account)), '","artifact":"', digits, '"}');
        works.anchor(sha256(bytes.concat(hex"00", line)), 1);
        vm.warp(block.timestamp + 1);
        return Anchors.Claim(account, artifact, "}", new bytes32[](0), 0);
    }
}

/// Makes the random calls between which the invariants are tested.
contract Handler is Claims {
    uint32 public constant EDITIONS = 3;
    Works public works;
    uint256 public received;
    uint256 public withdrawn;
    uint256[] public tokens;
    address[4] public accounts = [address(0xA11CE), address(0xB0B), address(0xC1D), address(0xDA2)];
    mapping(uint256 index => uint256) public endedAt; // time at which tokens[index] was first over
    uint256 private _artifacts;

    constructor(Works w) {
        works = w;
    }

    function count() external view returns (uint256) {
        return tokens.length;
    }

    // The parameters are arrays, since the compiler allows few local variables.
    function publish(uint8 by, uint16[4] memory x, uint96[3] memory y, uint32 term) external {
        Release.Draft memory d;
        (d.royalty, d.share, d.deadline) = (x[0] % 10001, x[1] % 5001, type(uint256).max);
        d.payees = new Release.Payee[](2);
        d.payees[0] = Release.Payee(address(0), y[0] / 2 + 1);
        d.payees[1] = Release.Payee(accounts[(by / 4) % 4], y[1] / 2 + 1);
        if (tokens.length > 0) {
            d.parts = new uint256[](1);
            d.parts[0] = works.workOfToken(tokens[x[3] % tokens.length]);
        }
        uint16 hands = x[2] % 4 == 3 ? works.ANY() : x[2] % 4;
        d.offers = new Release.Offer[](1);
        d.offers[0] = Release.Offer(y[2] % 10 ether, 0, 0, term % 5000, EDITIONS, hands, by % 2 == 0, 0);
        Anchors.Claim memory c = claim(works, accounts[by % 4], keccak256(abi.encode(++_artifacts)));
        vm.prank(accounts[by % 4]);
        uint256 work = works.register(c, d, "");
        tokens.push(work);
        vm.prank(accounts[by % 4]);
        works.allow(work, address(0), true);
    }

    function collect(uint256 index, uint8 by) external {
        uint256 work = works.workOfToken(tokens[index % tokens.length]);
        uint96 price = works.workInfo(work).offers[0].price;
        vm.deal(accounts[by % 4], price);
        vm.prank(accounts[by % 4]);
        tokens.push(works.collect{value: price}(work, 0, accounts[by % 4]));
        received += price;
    }

    function trade(uint256 index, uint8 by, uint96 price) external {
        uint256 token = tokens[index % tokens.length];
        price = price % 10 ether + 1;
        address holder = works.ownerOf(token);
        vm.prank(holder);
        works.list(token, price);
        (, uint64 number) = works.listings(token);
        vm.deal(accounts[by % 4], price);
        vm.prank(accounts[by % 4]);
        works.buy{value: price}(token, number, accounts[by % 4]);
        received += price;
    }

    function transfer(uint256 index, uint8 to) external {
        uint256 token = tokens[index % tokens.length];
        address holder = works.ownerOf(token);
        vm.prank(holder);
        works.transferFrom(holder, accounts[to % 4], token);
    }

    function withdraw(uint8 by) external {
        uint256 amount = works.owed(accounts[by % 4]);
        works.withdraw(accounts[by % 4]);
        withdrawn += amount;
    }

    function wait(uint16 time) external {
        vm.warp(block.timestamp + time);
        for (uint256 i = 0; i < tokens.length; ++i) {
            if (works.isOver(tokens[i]) && endedAt[i] == 0) endedAt[i] = block.timestamp;
        }
    }
}

contract WorksTest is Claims {
    Works private works;
    Handler private handler;

    function setUp() public {
        vm.warp(1_900_000_000);
        works = new Works();
        handler = new Handler(works);
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    // ---- Invariants

    function invariant_balance_is_the_sum_owed() public view {
        uint256 owed = 0;
        for (uint256 i = 0; i < 4; ++i) owed += works.owed(handler.accounts(i));
        assert(address(works).balance == owed && owed == handler.received() - handler.withdrawn());
    }

    function invariant_editions_are_limited_and_ended_tokens_stay_ended() public view {
        for (uint256 i = 0; i < handler.count(); ++i) {
            uint256 token = handler.tokens(i);
            if (works.workOfToken(token) == token) assert(works.sold(token, 0) <= handler.EDITIONS());
            if (handler.endedAt(i) != 0) assert(!works.isValid(token) && works.isOver(token));
        }
    }

    // ---- Other contracts as receivers and signers

    function test_endless_withdrawal_fails_and_takes_nothing() public {
        Greedy greedy = new Greedy(works);
        uint256 work = works.register(claim(works, address(this), "a"), draft(address(greedy), 1 ether), "");
        vm.deal(address(this), 1 ether);
        works.collect{value: 1 ether}(work, 0, address(1));
        (bool ok,) = address(works).call(abi.encodeCall(works.withdraw, (address(greedy))));
        assert(!ok && works.owed(address(greedy)) == 1 ether && address(works).balance == 1 ether);
    }

    function test_reentrant_withdrawal_pays_once() public {
        Reentrant reentrant = new Reentrant(works);
        uint256 own = works.register(claim(works, address(this), "a"), draft(address(reentrant), 1 ether), "");
        uint256 other = works.register(claim(works, address(this), "b"), draft(address(0xBEEF), 5 ether), "");
        vm.deal(address(this), 6 ether);
        works.collect{value: 1 ether}(own, 0, address(1));
        works.collect{value: 5 ether}(other, 0, address(1));
        works.withdraw(address(reentrant));
        assert(reentrant.payments() == 2 && address(reentrant).balance == 1 ether);
        assert(address(works).balance == 5 ether);
    }

    function test_receiver_that_refuses_money_stops_no_sale() public {
        Refuser refuser = new Refuser();
        uint256 work = works.register(claim(works, address(this), "a"), draft(address(refuser), 1 ether), "");
        vm.deal(address(this), 1 ether);
        works.collect{value: 1 ether}(work, 0, address(refuser));
        vm.expectRevert();
        works.withdraw(address(refuser));
    }

    function test_contract_signs_a_release() public {
        Wallet wallet = new Wallet();
        uint256 work = works.register(claim(works, address(wallet), "a"), draft(address(0), 0), "any");
        assert(works.ownerOf(work) == address(wallet));
    }

    function test_work_with_most_payees_fits_a_block() public {
        Release.Draft memory d = draft(address(1), 1 ether);
        d.payees = new Release.Payee[](works.MAX_PAYEES());
        for (uint160 i = 0; i < d.payees.length; ++i) d.payees[i] = Release.Payee(address(1000 + i), uint96(i + 1));
        Anchors.Claim memory c = claim(works, address(this), "a");
        uint256 gas = gasleft();
        uint256 work = works.register(c, d, "");
        assert(gas - gasleft() < 3_000_000);
        vm.deal(address(this), 1 ether);
        gas = gasleft();
        works.collect{value: 1 ether}(work, 0, address(1));
        assert(gas - gasleft() < 3_000_000);
    }

    /// All of a price is credited, whatever the price, the units and the shares.
    function testFuzz_split_sums_to_the_price(uint96 price, uint96[5] memory units, uint16[2] memory shares) public {
        Release.Draft memory d = draft(address(1), price);
        d.parts = new uint256[](2);
        for (uint256 i = 0; i < 2; ++i) {
            Release.Draft memory part = draft(address(uint160(100 + i)), 0);
            part.share = shares[i] % 5001;
            d.parts[i] = works.register(claim(works, address(this), bytes32(i + 1)), part, "");
        }
        d.payees = new Release.Payee[](5);
        for (uint256 i = 0; i < 5; ++i) {
            d.payees[i] = Release.Payee(address(uint160(200 + i)), units[i] == 0 ? 1 : units[i]);
        }
        uint256 work = works.register(claim(works, address(this), "x"), d, "");
        vm.deal(address(this), price);
        works.collect{value: price}(work, 0, address(1));
        uint256 sum = works.owed(address(100)) + works.owed(address(101));
        for (uint160 i = 0; i < 5; ++i) sum += works.owed(address(200 + i));
        assert(sum == price && address(works).balance == price);
    }

    function draft(address payee, uint96 price) private pure returns (Release.Draft memory d) {
        d.payees = new Release.Payee[](1);
        d.payees[0] = Release.Payee(payee, 1);
        d.offers = new Release.Offer[](1);
        d.offers[0] = Release.Offer(price, 0, 0, 0, 9, type(uint16).max, false, 0);
        d.deadline = type(uint256).max;
    }
}

// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Bytes} from "@openzeppelin/contracts/utils/Bytes.sol";
import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";

/// @title Anchors: roots of ledgers, with the time at which each was recorded.
/// @notice A ledger is a list of lines whose Merkle tree (RFC 6962, SHA-256) has one root. Anybody may anchor a root.
/// One transaction dates all lines of a ledger: a line and its inclusion proof show that the line existed at that time.
abstract contract Anchors {
    /// @notice A line of a ledger by which an account claims an artifact, and the line's inclusion proof.
    /// The line is canonical JSON: `{"account":"0x…","artifact":"…"` and then `rest`. The contract builds the line from
    /// the binary values, so it parses nothing, and a line has exactly one account and one artifact.
    /// @param account the account that claims the artifact.
    /// @param artifact SHA-256 of the content.
    /// @param rest the line after the artifact's closing quotation mark.
    /// @param path hashes from the leaf's sibling up to the child of the root.
    /// @param lefts bit i is set if `path[i]` is the left one of the two hashes.
    struct Claim {
        address account;
        bytes32 artifact;
        string rest;
        bytes32[] path;
        uint256 lefts;
    }

    /// @notice Time at which a root was first anchored; 0 if it was not.
    mapping(bytes32 root => uint64) public anchoredAt;

    /// @param size number of the ledger's lines, as the sender states it.
    event Anchored(bytes32 indexed root, uint64 size, address indexed by);

    error NotAnchored(bytes32 root);

    /// @notice Record a root with the time of this block. Does nothing if the root is already anchored.
    /// @param size number of the ledger's lines; only reported in the event.
    function anchor(bytes32 root, uint64 size) external {
        if (anchoredAt[root] == 0) {
            anchoredAt[root] = uint64(block.timestamp);
            emit Anchored(root, size, msg.sender);
        }
    }

    /// @notice Return the time at which a ledger with this claim was anchored.
    /// Reverts with NotAnchored if the proof leads to a root that is not anchored.
    function since(Claim calldata claim) public view returns (uint64 when) {
        string memory line = string.concat(
            '{"account":"', Strings.toHexString(claim.account), '","artifact":"', _hex(claim.artifact), '"', claim.rest
        );
        // Leaves and inner nodes are hashed with different prefixes, so that neither can pass for the other.
        bytes32 node = sha256(bytes.concat(hex"00", bytes(line)));
        for (uint256 i = 0; i < claim.path.length; ++i) {
            bytes32 sibling = claim.path[i];
            bool isLeft = (claim.lefts >> i) & 1 == 1;
            node = sha256(isLeft ? bytes.concat(hex"01", sibling, node) : bytes.concat(hex"01", node, sibling));
        }
        when = anchoredAt[node];
        require(when != 0, NotAnchored(node));
    }

    /// @dev Return 64 lower-case hexadecimal digits, without 0x.
    function _hex(bytes32 digest) internal pure returns (string memory) {
        return string(Bytes.slice(bytes(Strings.toHexString(uint256(digest), 32)), 2));
    }
}

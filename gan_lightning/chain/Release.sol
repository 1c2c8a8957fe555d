// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Release: the terms on which a creator publishes a work, and their EIP-712 hash.
/// @notice A creator who signs a release lets anybody register the work, so that the buyer pays the gas.
library Release {
    /// @notice An account that is paid when the work earns money.
    /// @param account the account; 0 means the holder of the work's title at the time of the payment.
    /// @param units the account's part of the money, relative to the sum of all payees' units.
    struct Payee {
        address account;
        uint96 units;
    }

    /// @notice Terms on which copies of a work are sold. They never change; an offer can only be closed.
    /// @param price price of a copy in wei; 0 for a gift.
    /// @param from time at which copies become valid; 0 means at once.
    /// @param until time at which the sale and all copies end; 0 means never.
    /// @param term seconds for which a copy is valid; 0 means no limit. They count from the sale of the copy or, if
    /// the number of transfers is limited, from the last transfer.
    /// @param editions largest number of copies.
    /// @param hands number of times that a copy can be transferred; 65535 (`ANY`) means no limit, 0 means that the copy
    /// stays with its buyer.
    /// @param revocable true if the holder of the title may end a copy.
    /// @param licence SHA-256 of the licence's text.
    struct Offer {
        uint96 price;
        uint48 from;
        uint48 until;
        uint32 term;
        uint32 editions;
        uint16 hands;
        bool revocable;
        bytes32 licence;
    }

    /// @notice Terms of a work. All but the offers are final: the title's holder can add and close offers later.
    /// @param metadata SHA-256 of the JSON file that wallets and marketplaces show.
    /// @param royalty part of each resale's price that goes to the work instead of the seller, in units of 0.01 %.
    /// @param share part of another work's earnings that goes to this one if the other is made of it, in units of
    /// 0.01 %.
    /// @param payees accounts that are paid; the first also gets what rounding leaves.
    /// @param parts works of which this one is made; a film has its images and its music as parts.
    /// @param offers first offers of copies.
    /// @param deadline last time at which others may register the work with the creator's signature.
    struct Draft {
        bytes32 metadata;
        uint16 royalty;
        uint16 share;
        Payee[] payees;
        uint256[] parts;
        Offer[] offers;
        uint256 deadline;
    }

    bytes32 private constant PAYEE_TYPE = keccak256("Payee(address account,uint96 units)");
    bytes32 private constant OFFER_TYPE = keccak256(
        "Offer(uint96 price,uint48 from,uint48 until,uint32 term,uint32 editions,uint16 hands,bool revocable,bytes32 licence)"
    );
    bytes32 private constant RELEASE_TYPE = keccak256(
        "Release(bytes32 artifact,bytes32 metadata,uint16 royalty,uint16 share,Payee[] payees,uint256[] parts,Offer[] offers,uint256 deadline)Offer(uint96 price,uint48 from,uint48 until,uint32 term,uint32 editions,uint16 hands,bool revocable,bytes32 licence)Payee(address account,uint96 units)"
    );

    /// @dev Return the EIP-712 struct hash of a release: a draft and the artifact that it publishes.
    function hash(bytes32 artifact, Draft calldata draft) internal pure returns (bytes32) {
        bytes32[] memory payees = new bytes32[](draft.payees.length);
        for (uint256 i = 0; i < payees.length; ++i) payees[i] = keccak256(abi.encode(PAYEE_TYPE, draft.payees[i]));
        bytes32[] memory offers = new bytes32[](draft.offers.length);
        for (uint256 i = 0; i < offers.length; ++i) offers[i] = keccak256(abi.encode(OFFER_TYPE, draft.offers[i]));
        return keccak256(
            abi.encode(
                RELEASE_TYPE,
                artifact,
                draft.metadata,
                draft.royalty,
                draft.share,
                keccak256(abi.encodePacked(payees)),
                keccak256(abi.encodePacked(draft.parts)),
                keccak256(abi.encodePacked(offers)),
                draft.deadline
            )
        );
    }
}

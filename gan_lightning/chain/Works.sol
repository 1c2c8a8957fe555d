// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC2981} from "@openzeppelin/contracts/interfaces/IERC2981.sol";
import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {Anchors} from "./Anchors.sol";
import {Release} from "./Release.sol";

/// @title Works: ownership, licences and trade of generated content.
/// @notice An account registers a *work* with an anchored claim to its artifact. Two kinds of ERC-721 token follow:
/// - The *title* stands for ownership of the work. There is one, and its number is the work's number. Its holder may
///   offer copies.
/// - A *copy* is bought from an *offer*: a print or a licence, limited in number, time and transfers.
/// A work may be made of other works, its *parts*. Each part gets its share of what the work earns.
/// The contract has no owner, and can be neither paused nor upgraded. Money stays in it until it is withdrawn.
contract Works is Anchors, ERC721, EIP712, IERC2981 {
    /// @notice A registered work. Its number is the token id of its title.
    /// @param creator account that claimed the artifact.
    /// @param since time at which the claim was anchored.
    /// @param royalty part of each resale's price that goes to the work, in units of 0.01 %.
    /// @param share part of the earnings of works made of this one that goes to this one, in units of 0.01 %.
    /// @param contestable time until which an older claim by another account displaces this work.
    /// @param weight number of payees, including those of its parts, of their parts, and so on.
    /// @param void true if an older claim has displaced this work.
    /// @param artifact SHA-256 of the content.
    /// @param metadata SHA-256 of the JSON file that wallets and marketplaces show.
    /// @param payees accounts that are paid; the first also gets what rounding leaves.
    /// @param parts works of which this one is made.
    /// @param offers all offers of copies, including closed ones.
    struct Work {
        address creator;
        uint64 since;
        uint16 royalty;
        uint16 share;
        uint64 contestable;
        uint16 weight;
        bool void;
        bytes32 artifact;
        bytes32 metadata;
        Release.Payee[] payees;
        uint256[] parts;
        Release.Offer[] offers;
    }

    /// @notice State of a copy.
    /// @param work the work of which it is a copy.
    /// @param offer index of the offer from which it was bought.
    /// @param expires time at which it ends; 0 means never.
    /// @param hands number of transfers left; `ANY` means no limit.
    struct Copy {
        uint64 work;
        uint32 offer;
        uint48 expires;
        uint16 hands;
    }

    /// @notice A title or copy for sale by its holder.
    /// @param price price in wei.
    /// @param number unique number of this listing; 0 if the token is not for sale.
    struct Listing {
        uint96 price;
        uint64 number;
    }

    /// @notice Largest number of payees of a work, including those of its parts. It bounds the gas of a sale.
    uint256 public constant MAX_PAYEES = 64;
    /// @notice Time after a registration in which an older claim displaces it.
    uint64 public constant CONTEST = 30 days;
    /// @notice Value of `hands` for a copy that can be transferred without limit.
    uint16 public constant ANY = type(uint16).max;
    uint256 private constant WHOLE = 10_000; // royalties and shares are in units of 0.01 %

    /// @notice Number of the valid work of an artifact; 0 if there is none.
    mapping(bytes32 artifact => uint256) public workOf;
    /// @notice True if an account may use a work as a part; account 0 stands for everybody.
    mapping(uint256 work => mapping(address => bool)) public mayBuildOn;
    /// @notice Number of copies sold from an offer.
    mapping(uint256 work => mapping(uint256 offer => uint32)) public sold;
    /// @notice State of a copy; all zeros for a title.
    mapping(uint256 token => Copy) public copies;
    /// @notice Current listing of a token.
    mapping(uint256 token => Listing) public listings;
    /// @notice Amount in wei that an account can withdraw.
    mapping(address => uint256) public owed;
    mapping(uint256 => Work) private _works;
    uint64 private _lastToken;
    uint64 private _lastListing;

    /// @param since time at which the claim was anchored.
    event Registered(uint256 indexed work, address indexed creator, bytes32 indexed artifact, uint64 since);
    /// @param by work of the older claim, which replaces the displaced work.
    event Displaced(uint256 indexed work, uint256 by);
    /// @param offer index of the offer among those of the work.
    event Offered(uint256 indexed work, uint256 offer);
    /// @param number number of the listing; 0 if the token is no longer for sale.
    event Listed(uint256 indexed token, uint256 price, uint64 number);
    /// @param seller holder of the title for a new copy, holder of the token for a resale.
    /// @param buyer account that receives the token.
    event Sold(uint256 indexed work, uint256 indexed token, address seller, address indexed buyer, uint256 price);
    event Tipped(uint256 indexed work, address indexed by, uint256 amount);
    /// @param work the work for which the account is paid.
    event Credited(uint256 indexed work, address indexed account, uint256 amount);
    event Withdrawn(address indexed account, uint256 amount);
    event Revoked(uint256 indexed token);

    /// @notice The claim was anchored in this very block; register in a later one.
    error TooEarly();
    /// @notice The sender may not do this, or the creator's signature is missing, wrong or past its deadline.
    error Unauthorized();
    /// @notice The artifact is registered, and this claim does not displace the registration.
    error Taken(uint256 work);
    /// @notice Royalty, shares, units, payees or parts are not within their bounds.
    error OutOfRange();
    /// @notice The offer is closed, sold out or over, or the token is not listed under this number.
    error NotForSale();
    /// @notice The value sent is not the price.
    error WrongPrice(uint256 price);
    /// @notice The token has ended, or has no transfers left.
    error Over(uint256 token);

    constructor() ERC721("Works", "WORKS") EIP712("Works", "1") {}

    // ---- Works

    /// @notice Register a work and mint its title to the account of the claim. The sender is this account, or anybody
    /// with its signature of the release (EIP-712; EIP-1271 for a contract's account).
    /// If the artifact is already registered, the new claim must be older and by another account, and the existing
    /// registration must be less than 30 days old (`CONTEST`). The new work then displaces the existing one.
    /// @param signature signature of the release; not read if the sender is the account of the claim.
    function register(Claim calldata claim, Release.Draft calldata draft, bytes calldata signature)
        public
        returns (uint256 work)
    {
        uint64 when = since(claim);
        if (msg.sender != claim.account) {
            bytes32 digest = _hashTypedDataV4(Release.hash(claim.artifact, draft));
            bool signed = SignatureChecker.isValidSignatureNowCalldata(claim.account, digest, signature);
            require(signed && block.timestamp <= draft.deadline, Unauthorized());
        }
        // Otherwise, an account that sees this transaction before it is mined could anchor a claim of its own and
        // register it first.
        require(when < block.timestamp, TooEarly());
        work = ++_lastToken;
        _displace(workOf[claim.artifact], work, when, claim.account);
        workOf[claim.artifact] = work;
        Work storage w = _works[work];
        (w.creator, w.since, w.artifact) = (claim.account, when, claim.artifact);
        w.contestable = uint64(block.timestamp) + CONTEST;
        (w.metadata, w.royalty, w.share) = (draft.metadata, draft.royalty, draft.share);
        _setPayeesAndParts(w, draft.payees, draft.parts);
        _mint(claim.account, work);
        emit Registered(work, claim.account, claim.artifact, when);
        for (uint256 i = 0; i < draft.offers.length; ++i) _offer(work, draft.offers[i]);
    }

    /// @notice Register a work with its creator's signature and buy the first copy of its first offer.
    /// @param to account that receives the copy.
    function registerAndCollect(
        Claim calldata claim,
        Release.Draft calldata draft,
        bytes calldata signature,
        address to
    ) external payable returns (uint256 work, uint256 copy) {
        work = register(claim, draft, signature);
        copy = collect(work, 0, to);
    }

    /// @notice Let an account use a work as a part, or stop letting it; only the title's holder can, who always may use
    /// the work. A listing of the title ends.
    /// @param account the account; 0 for everybody.
    function allow(uint256 work, address account, bool allowed) external {
        _checkHolderAndUnlist(work);
        mayBuildOn[work][account] = allowed;
    }

    /// @notice Offer copies of a work; only the title's holder can. A listing of the title ends.
    function offer(uint256 work, Release.Offer calldata terms) external {
        _checkHolderAndUnlist(work);
        _offer(work, terms);
    }

    /// @notice End the sale of an offer; only the title's holder can. Copies already sold stay. A listing of the title
    /// ends.
    /// @param index index of the offer among those of the work.
    function close(uint256 work, uint256 index) external {
        _checkHolderAndUnlist(work);
        _works[work].offers[index].editions = sold[work][index];
    }

    // ---- Trade

    /// @notice Buy a copy from an offer for exactly its price.
    /// @param index index of the offer among those of the work.
    /// @param to account that receives the copy.
    function collect(uint256 work, uint256 index, address to) public payable returns (uint256 copy) {
        require(_isTitle(work) && index < _works[work].offers.length && !isOver(work), NotForSale());
        Release.Offer storage terms = _works[work].offers[index];
        require(terms.until == 0 || block.timestamp < terms.until, NotForSale());
        require(sold[work][index] < terms.editions, NotForSale());
        require(msg.value == terms.price, WrongPrice(terms.price));
        ++sold[work][index];
        copy = ++_lastToken;
        bool limited = terms.hands != 0 && terms.hands != ANY; // then the term starts with the last transfer
        copies[copy] = Copy(uint64(work), uint32(index), limited ? terms.until : _expiry(terms), terms.hands);
        emit Sold(work, copy, ownerOf(work), to, msg.value);
        _distribute(work, msg.value);
        _mint(to, copy);
    }

    /// @notice List a title or copy for sale; only its holder can.
    /// @param price price in wei; 0 ends the listing.
    function list(uint256 token, uint96 price) external {
        require(msg.sender == ownerOf(token), Unauthorized());
        require(_isTransferable(token), Over(token));
        listings[token] = Listing(price, price == 0 ? 0 : ++_lastListing);
        emit Listed(token, price, listings[token].number);
    }

    /// @notice Buy a listed token. The buyer gets it as it was listed under this number: a listing ends when the price
    /// or the holder changes, and for a title when its offers or permissions change.
    /// @param number number of the listing.
    /// @param to account that receives the token.
    function buy(uint256 token, uint64 number, address to) external payable {
        Listing memory listing = listings[token];
        require(listing.number == number && number != 0, NotForSale());
        require(msg.value == listing.price, WrongPrice(listing.price));
        uint256 work = workOfToken(token);
        address seller = ownerOf(token);
        uint256 royalty = (msg.value * _works[work].royalty) / WHOLE;
        emit Sold(work, token, seller, to, msg.value);
        _distribute(work, royalty);
        _credit(work, seller, msg.value - royalty);
        _transfer(seller, to, token);
    }

    /// @notice Give money to a work. It is distributed like the price of a copy.
    function tip(uint256 work) external payable {
        require(_isTitle(work) && !isOver(work), NotForSale());
        emit Tipped(work, msg.sender, msg.value);
        _distribute(work, msg.value);
    }

    /// @notice Send an account what it is owed. Anybody may call this; the money goes to the account.
    function withdraw(address account) external {
        uint256 amount = owed[account];
        owed[account] = 0;
        emit Withdrawn(account, amount);
        Address.sendValue(payable(account), amount);
    }

    // ---- End of a token

    /// @notice End a copy whose offer is revocable; only the holder of the work's title can.
    function revoke(uint256 copy) external {
        Copy storage c = copies[copy];
        _checkHolder(c.work);
        require(_works[c.work].offers[c.offer].revocable && !isOver(copy), Unauthorized());
        c.expires = uint48(block.timestamp);
        delete listings[copy];
        emit Revoked(copy);
    }

    /// @notice Burn a copy as its holder, or any token that is over as anybody.
    function burn(uint256 token) external {
        if (!isOver(token)) {
            require(!_isTitle(token), Unauthorized());
            _checkAuthorized(ownerOf(token), msg.sender, token);
        }
        _burn(token);
    }

    /// @notice Return true if a copy has expired or was revoked, or if the work of the token was displaced. Such a token
    /// can only be burned.
    function isOver(uint256 token) public view returns (bool) {
        uint256 expires = copies[token].expires;
        return _works[workOfToken(token)].void || (expires != 0 && expires <= block.timestamp);
    }

    /// @notice Return true if a token exists, is not over and, for a copy, the time `from` of its offer has come.
    /// Players and shops ask this before they grant the holder what the licence allows.
    function isValid(uint256 token) external view returns (bool) {
        Copy memory c = copies[token];
        if (_ownerOf(token) == address(0) || isOver(token)) return false;
        return c.work == 0 || _works[c.work].offers[c.offer].from <= block.timestamp;
    }

    // ---- Views

    /// @notice Return a registered work; all zeros if the number is not one of a work.
    function workInfo(uint256 work) external view returns (Work memory) {
        return _works[work];
    }

    /// @notice Return the work of a title or copy.
    function workOfToken(uint256 token) public view returns (uint256 work) {
        work = copies[token].work;
        return work == 0 ? token : work;
    }

    /// @notice Return the address of the token's metadata in IPFS: a CIDv1 (raw bytes, SHA-256) in base 16.
    function tokenURI(uint256 token) public view override returns (string memory) {
        _requireOwned(token);
        return string.concat("ipfs://f01551220", _hex(_works[workOfToken(token)].metadata));
    }

    /// @notice Return the first payee of the token's work and the royalty for a price. Other marketplaces may pay it;
    /// only `buy` enforces it and pays all payees.
    function royaltyInfo(uint256 token, uint256 price) external view returns (address, uint256) {
        uint256 work = workOfToken(token);
        return (_receiver(work, _works[work].payees[0].account), (price * _works[work].royalty) / WHOLE);
    }

    function supportsInterface(bytes4 id) public view override(ERC721, IERC165) returns (bool) {
        return id == type(IERC2981).interfaceId || super.supportsInterface(id);
    }

    // ---- Internals

    /// @dev Make the earlier work of an artifact void. Reverts with Taken if the new claim does not displace it.
    function _displace(uint256 earlier, uint256 work, uint64 when, address creator) private {
        if (earlier == 0) return;
        Work storage other = _works[earlier];
        bool older = when < other.since && creator != other.creator;
        require(older && block.timestamp < other.contestable, Taken(earlier));
        other.void = true;
        emit Displaced(earlier, work);
    }

    function _setPayeesAndParts(Work storage w, Release.Payee[] calldata payees, uint256[] calldata parts) private {
        require(payees.length > 0 && w.royalty <= WHOLE && w.share <= WHOLE, OutOfRange());
        uint256 weight = payees.length;
        uint256 shares = 0;
        for (uint256 i = 0; i < payees.length; ++i) {
            require(payees[i].units > 0, OutOfRange());
            w.payees.push(payees[i]);
        }
        for (uint256 i = 0; i < parts.length; ++i) {
            require(_isTitle(parts[i]) && !isOver(parts[i]), OutOfRange());
            mapping(address => bool) storage allowed = mayBuildOn[parts[i]];
            require(allowed[address(0)] || allowed[w.creator] || ownerOf(parts[i]) == w.creator, Unauthorized());
            weight += _works[parts[i]].weight;
            shares += _works[parts[i]].share;
            w.parts.push(parts[i]);
        }
        require(weight <= MAX_PAYEES && shares <= WHOLE, OutOfRange());
        w.weight = uint16(weight);
    }

    function _offer(uint256 work, Release.Offer calldata terms) private {
        emit Offered(work, _works[work].offers.length);
        _works[work].offers.push(terms);
    }

    /// @dev Credit an amount: to each part its share of the amount, and the rest to the payees by their units. The share
    /// of a displaced part stays in the rest.
    function _distribute(uint256 work, uint256 amount) private {
        Work storage w = _works[work];
        uint256 rest = amount;
        for (uint256 i = 0; i < w.parts.length; ++i) {
            Work storage part = _works[w.parts[i]];
            if (part.void || part.share == 0) continue;
            uint256 share = (amount * part.share) / WHOLE;
            rest -= share;
            _distribute(w.parts[i], share);
        }
        uint256 units = 0;
        for (uint256 i = 0; i < w.payees.length; ++i) units += w.payees[i].units;
        uint256 left = rest;
        for (uint256 i = 1; i < w.payees.length; ++i) {
            uint256 due = (rest * w.payees[i].units) / units;
            left -= due;
            _credit(work, _receiver(work, w.payees[i].account), due);
        }
        _credit(work, _receiver(work, w.payees[0].account), left);
    }

    /// @dev Accounts are not paid at once: a receiver that refuses money would block the sale for everybody.
    function _credit(uint256 work, address account, uint256 amount) private {
        if (amount == 0) return;
        owed[account] += amount;
        emit Credited(work, account, amount);
    }

    function _receiver(uint256 work, address account) private view returns (address) {
        return account == address(0) ? _ownerOf(work) : account;
    }

    /// @dev Every mint, transfer and burn passes here. A transfer needs a token that is not over, and for a copy a
    /// transfer left; the last one starts the term.
    function _update(address to, uint256 token, address auth) internal override returns (address from) {
        from = super._update(to, token, auth);
        if (from == address(0)) return from; // a mint
        delete listings[token];
        if (to == address(0)) return from; // a burn
        require(_isTransferable(token), Over(token));
        Copy storage c = copies[token];
        if (c.work != 0 && c.hands != ANY && --c.hands == 0) c.expires = _expiry(_works[c.work].offers[c.offer]);
    }

    function _isTransferable(uint256 token) private view returns (bool) {
        return !isOver(token) && (_isTitle(token) || copies[token].hands != 0);
    }

    function _isTitle(uint256 token) private view returns (bool) {
        return _works[token].creator != address(0);
    }

    /// @dev Called before offers or permissions change: the buyer of a listed title gets it as it was listed.
    function _checkHolderAndUnlist(uint256 work) private {
        _checkHolder(work);
        delete listings[work];
    }

    function _checkHolder(uint256 work) private view {
        require(_isTitle(work) && msg.sender == ownerOf(work), Unauthorized());
    }

    /// @dev Return the time at which a copy ends whose term starts now; 0 for never.
    function _expiry(Release.Offer storage terms) private view returns (uint48) {
        if (terms.term == 0) return terms.until;
        uint48 end = uint48(block.timestamp) + terms.term;
        return terms.until == 0 || end < terms.until ? end : terms.until;
    }
}

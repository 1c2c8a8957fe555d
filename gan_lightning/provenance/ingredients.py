"""Reads the ingredients of a C2PA manifest: the files that an image was made from.

A manifest holds the credentials that an ingredient had, and how its signer found them: what can be verified later is
who signed them, and that they were not changed since, but not if they match the ingredient, which is not in the file.
"""

import re
from typing import Any

from gan_lightning.provenance.credentials import DIGEST_PREFIX
from gan_lightning.provenance.status_codes import TRUSTED_SIGNER, UNTRUSTED_SIGNER, codes, in_words
from gan_lightning.provenance.verdicts import Ingredient

MODEL_TYPE = "c2pa.types.model"  # start of the types of ingredients that are models
FILE_DIGEST = re.compile(rf"{DIGEST_PREFIX}([0-9a-f]{{64}})", re.ASCII)


def signer_names(manifest: dict[str, Any]) -> str:
    """Return the names in the certificate of the signer of a manifest."""
    info = manifest.get("signature_info", {})
    return ", ".join(info[key] for key in ("common_name", "issuer") if info.get(key))


def failures_of_ingredients(results: dict[str, Any]) -> list[str]:
    """Return the status codes of ingredients that fail now and did not fail when the file was signed.

    Args:
        results: validation results of a manifest store, as the C2PA reader returns them.
    """
    deltas = [one.get("validationDeltas", {}) for one in results.get("ingredientDeltas", [])]
    return [code for delta in deltas for code in codes(delta, "failure")]


def read_ingredients(store: dict[str, Any]) -> tuple[Ingredient, ...]:
    """Return the ingredients of the active manifest of a store, without models.

    Args:
        store: manifest store, as the C2PA reader returns it.
    """
    active = store.get("active_manifest")
    manifests = store.get("manifests", {})
    deltas = {
        one.get("ingredientAssertionURI"): one.get("validationDeltas", {})
        for one in store.get("validation_results", {}).get("ingredientDeltas", [])
    }
    found = []
    for one in manifests.get(active, {}).get("ingredients", []):
        if any(str(kind.get("type")).startswith(MODEL_TYPE) for kind in one.get("data_types", [])):
            continue
        delta = deltas.get(f"self#jumbf=/c2pa/{active}/c2pa.assertions/{one.get('label')}", {})
        digest = FILE_DIGEST.fullmatch(str(one.get("instance_id")))
        name = str(one.get("title") or "a file without a name")
        role = str(one.get("relationship") or "ingredient")
        credentials = _credentials_in_words(one, delta, manifests)
        found.append(Ingredient(name, role, digest[1] if digest else None, credentials))
    return tuple(found)


def _credentials_in_words(ingredient: dict[str, Any], delta: dict[str, Any], manifests: dict[str, Any]) -> str:
    """Return whether the credentials of an ingredient hold.

    Args:
        ingredient: the ingredient, with the validation results that the signer of the file recorded.
        delta: changes of these results since then.
        manifests: all manifests of the file.
    """
    own = manifests.get(str(ingredient.get("active_manifest")))
    if own is None:
        return "no credentials of its own"
    recorded = ingredient.get("validation_results", {}).get("activeManifest", {})
    failures = codes(recorded, "failure") + codes(delta, "failure")
    trusted = TRUSTED_SIGNER in codes(recorded, "success") + codes(delta, "success")
    if problems := [in_words(code) for code in dict.fromkeys(failures) if code != UNTRUSTED_SIGNER]:
        return f"its own credentials do not hold: {', '.join(problems)}"
    if trusted and UNTRUSTED_SIGNER not in codes(delta, "failure"):
        return f"its own credentials hold: signed by {signer_names(own)}"
    return f"its own credentials are valid, but by an unknown signer: {signer_names(own)}"

"""What is sealed opens with its key, in its place, and nowhere else."""

import base64
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common.masterkey import BadMasterKey, MasterKey, WrongMasterKey, keep_secret, load_master_key
from services.common.sealing import NotSealedHere, Place, new_data_key, open_sealed, seal
from services.common.settings import load_settings

KEY = new_data_key("person", "1")
PLACE = Place("regard.x.v1.Y", "user-1", "profile")


@given(st.binary())
def test_what_is_sealed_opens_in_its_place(plaintext: bytes) -> None:
    sealed = seal(KEY, plaintext, PLACE)
    assert open_sealed(KEY, sealed, PLACE) == plaintext
    assert len(plaintext) < 4 or plaintext not in sealed.SerializeToString()


@pytest.mark.parametrize(
    "elsewhere",
    [
        replace(PLACE, type="regard.x.v1.Z"),
        replace(PLACE, stream="user-2"),
        replace(PLACE, path="photo"),
        Place("regard.x.v1.Yuser-1", "", "profile"),
    ],
)
def test_nothing_opens_in_another_place(elsewhere: Place) -> None:
    sealed = seal(KEY, b"x", PLACE)
    with pytest.raises(NotSealedHere):
        open_sealed(KEY, sealed, elsewhere)


def test_nothing_opens_with_another_key_or_changed() -> None:
    sealed = seal(KEY, b"x", PLACE)
    with pytest.raises(NotSealedHere):
        open_sealed(new_data_key("person", "1"), sealed, PLACE)
    with pytest.raises(NotSealedHere):
        open_sealed(replace(KEY, key_id="2"), sealed, PLACE)
    sealed.ciphertext = bytes([sealed.ciphertext[0] ^ 1]) + sealed.ciphertext[1:]
    with pytest.raises(NotSealedHere):
        open_sealed(KEY, sealed, PLACE)


def test_keys_unwrap_for_their_subject_only() -> None:
    master = MasterKey(bytes(32))
    wrapped = master.wrap("person", "1", KEY.secret)
    assert master.unwrap("person", "1", wrapped) == KEY.secret
    assert KEY.secret not in wrapped
    for subject, key_id in (("other", "1"), ("person", "2"), ("person1", "")):
        with pytest.raises(WrongMasterKey):
            master.unwrap(subject, key_id, wrapped)
    with pytest.raises(WrongMasterKey):
        MasterKey(bytes([1]) * 32).unwrap("person", "1", wrapped)
    with pytest.raises(WrongMasterKey):
        master.unwrap("person", "1", b"")


def test_a_secret_key_is_not_shown() -> None:
    assert repr(KEY.secret) not in repr(KEY)


def test_the_data_folder_gets_a_master_key_that_stays(tmp_path: Path) -> None:
    settings = load_settings(data=tmp_path)
    wrapped = load_master_key(settings).wrap("s", "k", b"secret")
    assert load_master_key(settings).unwrap("s", "k", wrapped) == b"secret"
    made = tmp_path / "keys" / "master.key"
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    assert [path.name for path in made.parent.iterdir()] == ["master.key"]


def test_the_master_key_comes_from_the_settings(tmp_path: Path) -> None:
    text = base64.b64encode(bytes(32)).decode()
    (tmp_path / "key").write_text(text + "\n")
    wrapped = MasterKey(bytes(32)).wrap("s", "k", b"secret")
    for settings in (
        load_settings(data=tmp_path, master_key=text),
        load_settings(data=tmp_path, master_key_file=tmp_path / "key"),
    ):
        assert load_master_key(settings).unwrap("s", "k", wrapped) == b"secret"
    assert not (tmp_path / "keys").exists()


@pytest.mark.parametrize("text", ["no base64!", "clé", base64.b64encode(bytes(31)).decode()])
def test_a_bad_master_key_is_told_without_showing_it(text: str, tmp_path: Path) -> None:
    with pytest.raises(BadMasterKey) as told:
        load_master_key(load_settings(data=tmp_path, master_key=text))
    assert text not in str(told.value)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", bytes(32)])
def test_a_file_that_holds_no_master_key_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(content)
    with pytest.raises(BadMasterKey, match="REGARD_MASTER_KEY_FILE"):
        load_master_key(load_settings(data=tmp_path, master_key_file=tmp_path / "key"))


def test_a_kept_secret_is_never_replaced(tmp_path: Path) -> None:
    keep_secret(tmp_path / "keys" / "one", b"first")
    keep_secret(tmp_path / "keys" / "one", b"second")
    assert (tmp_path / "keys" / "one").read_bytes() == b"first"

"""Key pairs."""

import base64
import hashlib
import re
import subprocess

import pytest

from support.errors import fails, refused


def ssh_keygen(*arguments, text=None):
    return subprocess.run(["ssh-keygen", *arguments], input=text, capture_output=True, text=True, check=True).stdout


def test_an_rsa_key_pair_is_pkcs1_and_its_fingerprint_is_that_of_its_private_half(ec2, tmp_path):
    made = ec2.create_key_pair(KeyName="mine")
    assert re.fullmatch(r"key-[0-9a-f]{17}", made["KeyPairId"])
    assert made["KeyMaterial"].startswith("-----BEGIN RSA PRIVATE KEY-----")
    pem = tmp_path / "mine.pem"
    pem.write_text(made["KeyMaterial"])
    pem.chmod(0o400)
    assert ssh_keygen("-y", "-f", str(pem)).startswith("ssh-rsa ")
    pkcs8 = subprocess.run(
        ["openssl", "pkcs8", "-topk8", "-nocrypt", "-in", str(pem), "-outform", "DER"], capture_output=True, check=True
    ).stdout
    assert made["KeyFingerprint"] == hashlib.sha1(pkcs8).digest().hex(":")
    bits = subprocess.run(["openssl", "rsa", "-in", str(pem), "-text", "-noout"], capture_output=True, text=True, check=True)
    assert "2048 bit" in bits.stdout


def test_an_ed25519_key_pair_works_with_openssh(ec2, tmp_path):
    made = ec2.create_key_pair(KeyName="mine", KeyType="ed25519")
    pem = tmp_path / "mine.pem"
    pem.write_text(made["KeyMaterial"])
    pem.chmod(0o400)
    public = ssh_keygen("-y", "-f", str(pem))
    assert public.startswith("ssh-ed25519 ")
    digest = base64.b64encode(hashlib.sha256(base64.b64decode(public.split()[1])).digest()).decode()
    assert made["KeyFingerprint"].rstrip("=").removeprefix("SHA256:") == digest.rstrip("=")


@pytest.mark.parametrize("kind", ["rsa", "ed25519"])
def test_a_key_pair_comes_in_putty_s_format_too(ec2, kind):
    made = ec2.create_key_pair(KeyName="mine", KeyType=kind, KeyFormat="ppk")
    assert made["KeyMaterial"].startswith("PuTTY-User-Key-File-")
    assert "Private-MAC:" in made["KeyMaterial"]


def test_an_imported_key_has_the_md5_fingerprint_of_its_public_half(ec2, tmp_path):
    ssh_keygen("-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", str(tmp_path / "k"))
    public = (tmp_path / "k.pub").read_bytes()
    made = ec2.import_key_pair(KeyName="mine", PublicKeyMaterial=public)
    # In place, from OpenSSH's own format to one that openssl reads.
    ssh_keygen("-p", "-q", "-m", "PEM", "-N", "", "-f", str(tmp_path / "k"))
    openssl = ["openssl", "rsa", "-in", str(tmp_path / "k"), "-pubout", "-outform", "DER"]
    der = subprocess.run(openssl, capture_output=True, check=True).stdout
    assert made["KeyFingerprint"] == hashlib.md5(der).digest().hex(":")


def test_import_takes_ed25519_and_gives_back_the_public_half_when_asked(ec2, tmp_path):
    ssh_keygen("-q", "-t", "ed25519", "-N", "", "-C", "me@here", "-f", str(tmp_path / "k"))
    public = (tmp_path / "k.pub").read_text()
    ec2.import_key_pair(KeyName="mine", PublicKeyMaterial=public.encode())
    found = ec2.describe_key_pairs(KeyNames=["mine"], IncludePublicKey=True)["KeyPairs"][0]
    assert found["KeyType"] == "ed25519"
    assert found["PublicKey"].split()[:2] == public.split()[:2]
    assert "PublicKey" not in ec2.describe_key_pairs(KeyNames=["mine"])["KeyPairs"][0]


def test_key_pairs_are_found_by_name_id_and_filter_and_are_gone_when_deleted(ec2):
    made = [ec2.create_key_pair(KeyName=f"key-{n}", KeyType="ed25519") for n in range(3)]
    assert {k["KeyName"] for k in ec2.describe_key_pairs()["KeyPairs"]} == {"key-0", "key-1", "key-2"}
    by_id = ec2.describe_key_pairs(KeyPairIds=[made[1]["KeyPairId"]])["KeyPairs"]
    assert [k["KeyName"] for k in by_id] == ["key-1"]
    by_filter = ec2.describe_key_pairs(Filters=[{"Name": "key-name", "Values": ["*-2"]}])["KeyPairs"]
    assert [k["KeyName"] for k in by_filter] == ["key-2"]
    ec2.delete_key_pair(KeyName="key-0")
    ec2.delete_key_pair(KeyPairId=made[1]["KeyPairId"])
    assert [k["KeyName"] for k in ec2.describe_key_pairs()["KeyPairs"]] == ["key-2"]
    with fails("InvalidKeyPair.NotFound", "The key pair 'key-0' does not exist"):
        ec2.describe_key_pairs(KeyNames=["key-0"])


def test_deleting_what_is_not_there_succeeds(ec2):
    ec2.delete_key_pair(KeyName="never-was")


def test_a_key_pair_carries_the_tags_it_was_made_with(ec2):
    spec = [{"ResourceType": "key-pair", "Tags": [{"Key": "team", "Value": "blue"}]}]
    ec2.create_key_pair(KeyName="mine", KeyType="ed25519", TagSpecifications=spec)
    assert ec2.describe_key_pairs()["KeyPairs"][0]["Tags"] == [{"Key": "team", "Value": "blue"}]


def test_names_are_unique_and_bad_keys_refused(ec2, tmp_path):
    ssh_keygen("-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "k"))
    public = (tmp_path / "k.pub").read_bytes()
    ec2.create_key_pair(KeyName="mine", KeyType="ed25519")
    with refused(ec2, "InvalidKeyPair.Duplicate", "already exists"):
        ec2.create_key_pair(KeyName="mine", KeyType="ed25519")
    with refused(ec2, "InvalidKeyPair.Duplicate"):
        ec2.import_key_pair(KeyName="mine", PublicKeyMaterial=public)
    with refused(ec2, "InvalidKey.Format"):
        ec2.import_key_pair(KeyName="other", PublicKeyMaterial=b"this is no key")
    with refused(ec2, "InvalidParameterValue"):
        ec2.create_key_pair(KeyName="x" * 256)


def test_a_dry_run_makes_no_key(ec2):
    with refused(ec2, "DryRunOperation", "Request would have succeeded, but DryRun flag is set.", status=412):
        ec2.create_key_pair(KeyName="mine", DryRun=True)

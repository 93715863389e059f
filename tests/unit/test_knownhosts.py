"""``known_hosts``: which lines name a host."""

from __future__ import annotations

import subprocess

from hypothesis import given
from hypothesis import strategies as st

from gitsync.codec.knownhosts import host_lines

FILE = b"""# a comment
example.org ssh-ed25519 AAAAone a comment
EXAMPLE.org,192.0.2.1 ecdsa-sha2-nistp256 AAAAtwo
@revoked example.org ssh-rsa AAAAthree
@cert-authority *.example.org ssh-rsa AAAAfour
[example.org]:2222 ssh-ed25519 AAAAfive
other.example ssh-ed25519 AAAAsix
example.org ssh-ed25519 AAAAone
short line
example.org ssh-ed25519 \xff
"""


def test_the_lines_of_a_host_and_of_its_other_port():
    assert host_lines(FILE, "example.org") == (
        "example.org ssh-ed25519 AAAAone",
        "example.org ecdsa-sha2-nistp256 AAAAtwo",
    )
    assert host_lines(FILE, "example.org", 2222) == ("[example.org]:2222 ssh-ed25519 AAAAfive",)
    assert host_lines(FILE, "nobody.example") == ()


def test_hashed_names_as_ssh_keygen_writes_them(tmp_path):
    file = tmp_path / "known_hosts"
    key = "AAAAC3NzaC1lZDI1NTE5AAAAIIVIC02vnjFyL+I4RHfvIGNtOgJMe769VTF1VR4EB3ZB"
    file.write_text(f"example.org ssh-ed25519 {key}\n[example.org]:2222 ssh-ed25519 {key}\n")
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", file], check=True, capture_output=True)
    assert b"example.org" not in file.read_bytes()
    assert host_lines(file.read_bytes(), "example.org") == (f"example.org ssh-ed25519 {key}",)
    assert host_lines(file.read_bytes(), "example.org", 2222) == (
        f"[example.org]:2222 ssh-ed25519 {key}",
    )
    assert host_lines(file.read_bytes(), "example.com") == ()
    assert host_lines(b"|1|%%%|= ssh-ed25519 AAAA\n|1|a ssh-rsa AAAA\n", "example.org") == ()


@given(st.binary(max_size=300), st.integers(1, 65535))
def test_any_bytes_are_read(data, port):
    for line in host_lines(data, "example.org", port):
        assert line.startswith(("example.org ", "[example.org]:"))

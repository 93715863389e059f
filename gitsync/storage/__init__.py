"""Everything that touches a disk, a process or a key: git, libgit2, SQLite, libsodium."""

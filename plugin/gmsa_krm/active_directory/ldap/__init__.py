"""An LDAP client that can bind and search, and nothing else: it has no code for a request that changes anything.

Its requests are a small part of RFC 4511. Libraries were tried. ldap3 has had no release since 2021 and cannot seal,
which a domain controller without a certificate needs. bonsai and python-ldap have no wheels for Linux, and sit on
libraries that read a CA file on one system and not on another and take whatever a hostile server sends. What is hard,
Kerberos, is pyspnego's, which is maintained, has wheels for Windows and macOS, and uses the logon session on Windows.
"""

"""Fills the database of a new domain; runs in the Debian of the domain controller, with its Python and Samba.

`populate.py SMB_CONF DATABASE < data.json`: {"users": [...], "computers": [...], "groups": {name: [member, ...]},
"accounts": [{"name": ..., "readers": SDDL, attributes...}]}; `{SID:name}` in SDDL is the SID of an account.
"""

import json
import re
import sys

import ldb
from samba.auth import system_session
from samba.dcerpc import security
from samba.ndr import ndr_pack, ndr_unpack
from samba.param import LoadParm
from samba.samdb import SamDB

configuration, database = sys.argv[1:]
data = json.load(sys.stdin)
parameters = LoadParm(configuration)
samdb = SamDB(url=database, session_info=system_session(parameters), lp=parameters)
domain = str(samdb.domain_dn())
domain_sid = security.dom_sid(samdb.get_domain_sid())


def found(name, *attributes):
    for account in (name, name + "$"):
        result = samdb.search(domain, expression=f"(sAMAccountName={account})", attrs=list(attributes))
        if result:
            return result[0]
    raise SystemExit(f"there is no {name}")


def sid_of(name):
    return str(ndr_unpack(security.dom_sid, found(name, "objectSid")["objectSid"][0]))


def changed(dn, **values):
    message = ldb.Message(ldb.Dn(samdb, str(dn)))
    for name, value in values.items():
        message[name] = ldb.MessageElement(value, ldb.FLAG_MOD_REPLACE, name)
    samdb.modify(message)


samdb.transaction_start()
for user in data.get("users", ()):
    samdb.newuser(user["name"], user["password"])
    if user.get("disabled"):
        samdb.disable_account(f"(sAMAccountName={user['name']})")
    if "attributes" in user:
        changed(found(user["name"]).dn, **user["attributes"])
for name in data.get("computers", ()):
    samdb.newcomputer(name)
    samdb.setpassword(f"(sAMAccountName={name}$)", data["password"])
for name in data.get("groups", {}):
    samdb.newgroup(name)
for account in data.get("accounts", ()):
    kind = account.get("class", "msDS-GroupManagedServiceAccount")
    record = {
        "dn": f"CN={account['name']},CN=Managed Service Accounts,{domain}",
        "objectClass": kind,
        "sAMAccountName": account["name"] + "$",
        "userAccountControl": str(account.get("userAccountControl", 4096)),
    }
    if kind == "msDS-GroupManagedServiceAccount":
        record["msDS-ManagedPasswordInterval"] = str(account.get("interval", 30))
    if "readers" in account:
        sddl = re.sub(r"\{SID:([^}]+)\}", lambda match: sid_of(match[1]), account["readers"])
        record["msDS-GroupMSAMembership"] = ndr_pack(security.descriptor.from_sddl(sddl, domain_sid))
    record.update(account.get("attributes", {}))
    samdb.add(record)
for name, members in data.get("groups", {}).items():
    if members:
        changed(found(name).dn, member=[str(found(it).dn) for it in members])
samdb.transaction_commit()

"""The live cluster: what it has, compared with what configs ask for. Nothing here creates, changes or deletes anything.

`proxy` reaches the API server as the user's kubectl does, `view` reads each list once, `wanted` is what configs ask
for, `checks` has the checks, and `formats` says what they found. A host never imports this room.
"""

from __future__ import annotations

# Of the report in JSON.
API_VERSION = "gmsa-krm.dev/v1alpha1"
KIND = "DoctorReport"

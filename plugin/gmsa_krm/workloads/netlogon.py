"""The postStart hook that repairs netlogon, and what it says when it cannot.

A name from the config stands in the script only as a single-quoted text, and is a DNS name by then: letters,
digits, - and . Double quotes are not used at all, since on Windows they would be taken apart once more on the
way to the process.
"""

from __future__ import annotations

import re

# The command of the Kubernetes page, word for word: it tries until it succeeds.
_OF_THE_PAGE = (
    "do { Restart-Service -Name netlogon } while ( $($Result = (nltest.exe /query); "
    "if ($Result -like '*0x0 NERR_Success*') {return $true} else {return $false}) -eq $false)"
)


def hook(method: str, domain: str, max_attempts: int, interval_seconds: int) -> list[str]:
    """The command of the hook. `domain`: DNS name, read by SecureChannelReset. `max_attempts` 0: without end."""
    if method == "RestartService" and not max_attempts:
        return ["powershell.exe", "-command", _OF_THE_PAGE]
    if not re.fullmatch(r"[A-Za-z0-9_](?:[-A-Za-z0-9_.]*[A-Za-z0-9_])?", domain or "-") and method != "RestartService":
        raise ValueError("no DNS name")  # the config has been checked; this is the last door
    repair = (
        "Restart-Service -Name netlogon -ErrorAction SilentlyContinue"
        if method == "RestartService"
        else f"$null = (nltest.exe '/sc_reset:{domain}')"
    )
    query = "$result = (nltest.exe /query) -join ' '; if ($result -like '*0x0 NERR_Success*') { exit 0 }"
    wait = f"Start-Sleep -Seconds {interval_seconds}"
    if not max_attempts:
        return ["powershell.exe", "-command", f"while ($true) {{ {repair}; {query}; {wait} }}"]
    # The output of a hook that fails is in the pod's events, where the kubelet's version shows it; the
    # termination log is what `kubectl describe` shows as the container's last message.
    failure = (
        f"$text = 'gmsa-krm: no secure channel to the domain after {max_attempts} attempts. nltest /query said: ' + $result"
        " + ' Check the credential spec, the DNS of the pod and the gMSA host permissions.'; Write-Output $text;"
        " if (Test-Path /dev/termination-log) { Set-Content -Path /dev/termination-log -Value $text }; exit 1"
    )
    script = f"for ($i = 0; $i -lt {max_attempts}; $i++) {{ {repair}; {query}; {wait} }}; {failure}"
    return ["powershell.exe", "-command", script]

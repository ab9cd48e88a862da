"""The postStart hook that repairs netlogon, and its message if it fails.

The only text from the config is a DNS name (letters, digits, -, _ and dots) in a single-quoted string. There are no
double quotes, since Windows would parse them again before the process gets them.
"""

from __future__ import annotations

import re

# The command of the Kubernetes gMSA guide, verbatim: it retries until it succeeds.
_GUIDE_COMMAND = (
    "do { Restart-Service -Name netlogon } while ( $($Result = (nltest.exe /query); "
    "if ($Result -like '*0x0 NERR_Success*') {return $true} else {return $false}) -eq $false)"
)


def hook(method: str, domain: str, max_attempts: int, interval_seconds: int) -> list[str]:
    """The command of the hook. `domain`: DNS name, for SecureChannelReset. `max_attempts` 0: no limit."""
    if method == "RestartService" and not max_attempts:
        return ["powershell.exe", "-command", _GUIDE_COMMAND]
    if not re.fullmatch(r"[A-Za-z0-9_](?:[-A-Za-z0-9_.]*[A-Za-z0-9_])?", domain or "-") and method != "RestartService":
        raise ValueError("not a DNS name")  # unreachable with a validated config
    repair = (
        "Restart-Service -Name netlogon -ErrorAction SilentlyContinue"
        if method == "RestartService"
        else f"$null = (nltest.exe '/sc_reset:{domain}')"
    )
    query = "$result = (nltest.exe /query) -join ' '; if ($result -like '*0x0 NERR_Success*') { exit 0 }"
    wait = f"Start-Sleep -Seconds {interval_seconds}"
    if not max_attempts:
        return ["powershell.exe", "-command", f"while ($true) {{ {repair}; {query}; {wait} }}"]
    # The output of a failed hook is in the pod's events, if the kubelet's version shows it; `kubectl describe` shows
    # the termination log as the container's last message.
    failure = (
        f"$text = 'gmsa-krm: no secure channel to the domain after {max_attempts} attempts. nltest /query said: '"
        " + $result + ' Check the credential spec, the DNS of the pod and the gMSA host permissions.';"
        " Write-Output $text;"
        " if (Test-Path /dev/termination-log) { Set-Content -Path /dev/termination-log -Value $text }; exit 1"
    )
    script = f"for ($i = 0; $i -lt {max_attempts}; $i++) {{ {repair}; {query}; {wait} }}; {failure}"
    return ["powershell.exe", "-command", script]

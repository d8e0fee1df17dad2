# Reads the output of go test and prints what failed, for the end of make test: of each test that did, and of a panic, the last things
# that it said, the first lines of each.
BEGIN { most = 5; long = 12 }

function told(    i) {
	for (i = (said > most ? said - most + 1 : 1); i <= said; i++) printf "%s", text[i]
	said = 0
}

/^ *--- FAIL: / { told(); print; failing = 1; next }
/^(ok|\?|PASS|=== )/ || /^ *--- (PASS|SKIP): / { told(); failing = 0; next }
/^panic: / { told(); failing = 1; text[++said] = ""; lines = 0 }
/^FAIL/ || /^[^ ]+\.go:[0-9]+:[0-9]+: / { told(); print; failing = 0; next }
failing && /^ *[a-z0-9_]+_test\.go:[0-9]+: / { text[++said] = ""; lines = 0 }
failing && said && ++lines <= long { text[said] = text[said] substr($0, 1, 400) "\n" }

END { told() }

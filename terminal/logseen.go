package terminal

import "picket.internal/api"

// LogSeen prints what a host's wrapper last signed to have seen of the hub's log;
// nil is one that never has.
func (p *Printer) LogSeen(l *api.HostLog) error {
	word, s := logWord(l)
	return p.write(p.row(cell{text: "Log seen", width: labelWidth}, cell{text: word, style: s, whole: true}) + "\n")
}

func logWord(l *api.HostLog) (string, style) {
	if l == nil {
		return "not yet: its wrapper has signed nothing of it", plain
	}
	records := number(l.Records) + " records"
	switch l.Verdict {
	case api.LogSame:
		return records + ", as ours", good
	case api.LogFork:
		return records + ", NOT AS OURS: see picket audit verify", bad
	case api.LogRollback:
		return records + ", MORE THAN THERE ARE: see picket audit verify", bad
	case "":
		return records + ", by an older wrapper, which tells no more", plain
	}
	return records + ", " + l.Verdict, warning // of a newer hub
}

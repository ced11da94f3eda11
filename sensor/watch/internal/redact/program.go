package redact

import (
	"bytes"
	"strings"
)

// prefixes begin secrets that tell by themselves what they are, with the least
// length of the whole.
var prefixes = []struct {
	text string
	min  int
}{
	{"AKIA", 20}, {"ASIA", 20}, // AWS access key ids
	{"ghp_", 30}, {"gho_", 30}, {"ghu_", 30}, {"ghs_", 30}, {"ghr_", 30}, {"github_pat_", 30}, // GitHub
	{"glpat-", 20}, {"xoxb-", 20}, {"xoxp-", 20}, {"xoxa-", 20}, // GitLab, Slack
	{"sk_live_", 20}, {"rk_live_", 20}, {"AIza", 35}, {"npm_", 36}, {"pypi-", 40}, {"dop_v1_", 40}, {"hvs.", 24},
	{"eyJ", 60}, // a JSON Web Token
	{"AGE-SECRET-KEY-", 40},
}

// isKnownToken tells a secret by its own form.
func isKnownToken(run []byte) bool {
	for _, p := range prefixes {
		if len(run) >= p.min && bytes.HasPrefix(run, []byte(p.text)) {
			return p.text != "eyJ" || bytes.Count(run, []byte(".")) == 2
		}
	}
	return false
}

// flags are the options of one program that carry a secret.
type flags struct {
	programs string // by the last part of their path, between spaces
	joined   string // letters whose value follows at once, as in -pSECRET
	apart    string // letters whose value is the next argument, as in -w SECRET
	pair     bool   // the value is user:secret or user%secret
}

var programFlags = []flags{
	{programs: " mysql mysqldump mysqladmin mysqlimport mysqlshow mysqlcheck mysqlbinlog mariadb mariadb-dump mariadb-admin ", joined: "p"},
	{programs: " sshpass ", joined: "p", apart: "p"},
	{programs: " redis-cli ", joined: "a", apart: "a"},
	{programs: " ldapsearch ldapadd ldapmodify ldapdelete ldappasswd ldapwhoami ", joined: "w", apart: "w"},
	{programs: " curl ", joined: "uU", apart: "uU", pair: true},
	{programs: " smbclient smbmap rpcclient net http https ", joined: "Ua", apart: "Ua", pair: true},
	{programs: " mongo mongosh mongodump cqlsh sqlcmd isql 7z 7za zip unzip ", joined: "pP", apart: "pP"},
}

// flagsOf are those of a program; nil where it has none.
func flagsOf(arg0 []byte) *flags {
	name := " " + string(arg0[bytes.LastIndexByte(arg0, '/')+1:]) + " "
	for i := range programFlags {
		if strings.Contains(programFlags[i].programs, name) {
			return &programFlags[i]
		}
	}
	return nil
}

// match tells whether an argument is one of the flags: kept bytes of it stay
// where the value is in it, and next says that the value is what follows.
func (f *flags) match(arg []byte) (kept int, next, ok bool) {
	long := bytes.HasPrefix(arg, []byte("--user")) && f.pair
	switch {
	case long && (len(arg) == 6 || string(arg) == "--proxy-user"):
		return 0, true, true
	case len(arg) < 2 || arg[0] != '-':
		return 0, false, false
	case len(arg) == 2 && strings.IndexByte(f.apart, arg[1]) >= 0:
		return 0, true, true
	case len(arg) > 2 && arg[1] != '-' && strings.IndexByte(f.joined, arg[1]) >= 0:
		return 2, false, true
	}
	return 0, false, false
}

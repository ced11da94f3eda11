// Package report writes what was found in rules for programs of other people:
// SARIF for code scanning, workflow commands for GitHub, JUnit for CI servers, a
// layer for the ATT&CK Navigator, Markdown for readers.
//
// Functions take what package rule found and return bytes. They must never read
// a file, judge a rule or let a rule's text out unescaped: a rule comes from
// whoever sent the pull request.
package report

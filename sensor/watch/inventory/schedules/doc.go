// Package schedules reads what the host runs by the clock: crontabs of the
// system and of accounts, scripts in the folders that cron runs, anacron's
// table, jobs of at, and timers of systemd.
//
// Lines of a crontab that set the environment are left out, and so is what a
// job of at would run: both hold secrets. The package must never run or change
// anything, nor ask cron.
package schedules

package dbus

var (
	ParseUnits = parseUnits
	Over       = units
)

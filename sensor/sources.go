//go:build linux

package sensor

import (
	"fmt"

	"picket.internal/sensor/watch/inventory"
	"picket.internal/sensor/watch/inventory/accounts"
	"picket.internal/sensor/watch/inventory/files"
	"picket.internal/sensor/watch/inventory/listeners"
	"picket.internal/sensor/watch/inventory/modules"
	"picket.internal/sensor/watch/inventory/mounts"
	"picket.internal/sensor/watch/inventory/packages"
	"picket.internal/sensor/watch/inventory/schedules"
	"picket.internal/sensor/watch/inventory/services"
	"picket.internal/sensor/watch/inventory/sshkeys"
)

// sources read what is installed and configured, in an explicit table.
func (c *Config) sources(db *packages.DB) ([]inventory.Source, error) {
	var paths []files.Path
	for _, w := range c.WatchFiles {
		paths = append(paths, files.Path(w))
	}
	all := []inventory.Source{
		packages.New(packages.Config{DB: db}),
		services.New(services.Config{}),
		schedules.New(schedules.Config{}),
		accounts.New(accounts.Config{}),
	}
	for _, prepare := range []func() (inventory.Source, error){
		func() (inventory.Source, error) { return sshkeys.New(sshkeys.Config{}) },
		func() (inventory.Source, error) { return listeners.New(listeners.Config{}) },
		func() (inventory.Source, error) { return mounts.New(mounts.Config{}) },
		func() (inventory.Source, error) { return modules.New(modules.Config{}) },
		func() (inventory.Source, error) { return files.New(files.Config{Paths: paths}) },
	} {
		s, err := prepare()
		if err != nil {
			return nil, fmt.Errorf("preparing a source of the inventory: %w", err)
		}
		all = append(all, s)
	}
	return all, nil
}

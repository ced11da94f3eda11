package plant

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"picket.internal/strictjson"
)

// watched is a canary as a sensor's configuration lists it.
type watched struct {
	ID   string `json:"id"`
	Path string `json:"path"`
	Type string `json:"type,omitempty"`
}

// SensorConfig is the list of canaries in a sensor's configuration; the rest of
// the file is kept as it is.
type SensorConfig struct {
	path string
	info os.FileInfo
	all  map[string]jsontext.Value
	list []watched
}

// OpenSensorConfig reads a sensor's configuration.
func OpenSensorConfig(path string) (*SensorConfig, error) {
	c := &SensorConfig{path: path}
	data, err := readFile(path)
	if err == nil {
		c.info, err = os.Stat(path)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the sensor's configuration: %w", err)
	}
	err = strictjson.Decode(data, strictjson.Limits{Bytes: maxFile}, &c.all, nil)
	if raw, ok := c.all["canaries"]; ok && err == nil {
		err = strictjson.Decode(raw, strictjson.Limits{Bytes: maxFile}, &c.list, nil)
	}
	if err != nil {
		return nil, fmt.Errorf("malformed sensor configuration %q: %w", path, err)
	}
	return c, nil
}

// Has tells whether a canary of this id is in the list.
func (c *SensorConfig) Has(id string) bool {
	return slices.ContainsFunc(c.list, func(w watched) bool { return w.ID == id })
}

// Add puts a canary into the list, and Drop takes it out.
func (c *SensorConfig) Add(p Planted) { c.list = append(c.list, watched{p.ID, p.Path, p.Type}) }

// Drop takes a canary out of the list; one that has the id but another path is
// somebody else's and stays.
func (c *SensorConfig) Drop(p Planted) {
	c.list = slices.DeleteFunc(c.list, func(w watched) bool { return w.ID == p.ID && w.Path == p.Path })
}

// Save writes the configuration in one step, with the owner and the mode that
// it had.
func (c *SensorConfig) Save() error {
	raw, err := json.Marshal(c.list)
	if err == nil {
		c.all["canaries"] = raw
		raw, err = json.MarshalIndent(c.all, "", "  ")
	}
	if err != nil {
		return fmt.Errorf("writing the sensor's configuration: %w", err)
	}
	return replaceFile(c.path, append(raw, '\n'), c.info)
}

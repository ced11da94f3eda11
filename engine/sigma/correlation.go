package sigma

import (
	"errors"

	"go.yaml.in/yaml/v3"
)

func (c *conversion) correlation(d *document) (*yaml.Node, error) {
	return nil, errors.New("correlation: TODO")
}
func (c *conversion) filter(d *document) (*yaml.Node, error) { return nil, errors.New("filter: TODO") }

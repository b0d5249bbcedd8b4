//go:build linux && cgo

package device

import (
	"reflect"

	"github.com/gomlx/go-xla/compute/xla"
)

// apiField is where go-xla keeps the PJRT interface of a backend's plugin; false for a version that has moved it.
func apiField(backend *xla.Backend) (api reflect.Value, found bool) {
	plugin := reflect.ValueOf(backend).Elem().FieldByName("plugin")
	if !plugin.IsValid() || plugin.Kind() != reflect.Pointer || plugin.IsNil() {
		return api, false
	}
	api = plugin.Elem().FieldByName("api")
	return api, api.IsValid() && api.Kind() == reflect.Pointer && !api.IsNil()
}

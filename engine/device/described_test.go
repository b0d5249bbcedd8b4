package device

import (
	"strings"
	"testing"
)

func TestDescribe(t *testing.T) {
	for _, name := range DescribedNames() {
		gpu, err := Describe(strings.ToUpper(name))
		if err != nil {
			t.Fatal(err)
		}
		dev := gpu.Device()
		major, minor := dev.Capability()
		if !dev.Described() || dev.Kind != CUDA || dev.Name != gpu.Name || major < 8 || major*10+minor != gpu.Major*10+gpu.Minor || !dev.FusesAttention() {
			t.Errorf("%s is a device %+v", name, dev)
		}
		reading := dev.Memory()
		if reading.Limit != gpu.Memory || reading.Free != gpu.Free() || reading.Free >= reading.Limit || reading.Free < reading.Limit*9/10 {
			t.Errorf("%s has %d bytes, of which %d are free", name, reading.Limit, reading.Free)
		}
		text := gpu.target()
		if rest := strings.ReplaceAll(text, "minor: 0", ""); strings.Contains(rest, ": 0 ") || strings.Contains(rest, ": 0\n") || !strings.Contains(text, gpu.Name) {
			t.Errorf("%s is described with a zero:\n%s", name, text)
		}
	}
	if _, err := Describe("h900"); err == nil || !strings.Contains(err.Error(), "h200") || !strings.Contains(err.Error(), `"h900"`) {
		t.Errorf("an unknown GPU: %v", err)
	}
}

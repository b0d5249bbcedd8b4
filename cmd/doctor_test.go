package cmd

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"sftui/engine/selftest"
)

func TestDoctorReportsWithoutDownloading(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("PJRT_PLUGIN_LIBRARY_PATH", "")
	var out, errs bytes.Buffer
	status := runDoctor(t.Context(), []string{"--json", "--device", "go"}, streams{out: &out, err: &errs})
	var found examination
	if err := json.Unmarshal(out.Bytes(), &found); err != nil {
		t.Fatalf("%v in %s", err, out.String())
	}
	if status != exitWarning { // pure Go is slow, and there is no default model
		t.Errorf("status %d, stderr %s", status, errs.String())
	}
	if found.Device.Kind != "go" || found.Device.Plugins["cpu"] != "" || found.Versions["go"] == "" || found.Cache.FreeBytes == 0 {
		t.Errorf("%+v", found)
	}
	byName := map[string]selftest.State{}
	for _, c := range found.Checks {
		byName[c.Name] = c.State
	}
	if byName["device"] != selftest.Warning || byName["default model"] != selftest.Warning || byName["sftui"] != selftest.OK {
		t.Errorf("%v", byName)
	}
}

func TestDoctorFailsWhereTheDeviceCannotBeUsed(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("PJRT_PLUGIN_LIBRARY_PATH", "")
	var out, errs bytes.Buffer
	status := runDoctor(t.Context(), []string{"--device", "cpu"}, streams{out: &out, err: &errs})
	if status != exitFailure || !strings.Contains(out.String(), "✗ failed: device:") || !strings.Contains(out.String(), "make setup") {
		t.Errorf("status %d:\n%s", status, out.String())
	}
	for _, bad := range [][]string{{"--colour"}, {"extra"}, {"--model"}} {
		if status := runDoctor(t.Context(), bad, streams{out: &out, err: &errs}); status != exitFailure {
			t.Errorf("%v: status %d", bad, status)
		}
	}
}

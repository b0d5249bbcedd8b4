package ui

import (
	"os"
	"testing"
	"time"
)

// TestMain sets the time zone of the stored screens, which show times of day.
func TestMain(m *testing.M) {
	time.Local = time.UTC
	os.Exit(m.Run())
}

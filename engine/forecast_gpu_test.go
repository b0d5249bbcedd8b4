package engine

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Forecasts for a GPU that is not here know its memory, its default type and
// its attention, and ask for no plugin unless they are to be confirmed.
func TestForecastForH200(t *testing.T) {
	f := newFixture(t, 40)
	if err := os.WriteFile(filepath.Join(f.model, "config.json"), []byte(smolLM2), 0o600); err != nil {
		t.Fatal(err)
	}
	plugin := os.Getenv("SFTUI_PJRT_CUDA")
	host := Host{
		ResolveModel: func(_ context.Context, dir, _ string) (string, error) { return dir, nil },
		Plugin: func(context.Context, string) (string, error) {
			if plugin == "" {
				return "", errors.New("no plugin")
			}
			return plugin, nil
		},
	}
	r := f.recipe(t, "per_device_train_batch_size=8", "gradient_accumulation_steps=2", "max_length=1024")
	forecast := func(gpu string, compile bool) (*Forecast, error) {
		return MakeForecast(context.Background(), ForecastOptions{Recipe: r, Host: host, GPU: gpu, Compile: compile}, nil)
	}
	got, err := forecast("h200", false)
	if err != nil {
		t.Fatal(err)
	}
	if got.Device != "NVIDIA H200" || got.DeviceBytes < 140e9 || got.LimitBytes >= got.DeviceBytes || !got.Fits || got.Confirmed {
		t.Errorf("device %q of %d bytes, %d free, fits %v, confirmed %v", got.Device, got.DeviceBytes, got.LimitBytes, got.Fits, got.Confirmed)
	}
	// Weights are held in float32 and, for their products, in bfloat16: a GPU's default.
	if weights := got.Memory[0].Bytes; float64(weights) < 5.9*float64(got.Parameters) {
		t.Errorf("%d bytes of weights for %d parameters: bfloat16 is the GPU's default type", weights, got.Parameters)
	}
	if !strings.Contains(got.Worst.Shape, "sequences") {
		t.Errorf("the heaviest micro-batch is computed as %s, which is not how flash attention lays rows", got.Worst.Shape)
	}
	if _, err := forecast("h9000", false); err == nil || !strings.Contains(err.Error(), "h200") {
		t.Errorf("an unknown GPU: %v", err)
	}
	confirmed, err := forecast("h200", true)
	if plugin == "" {
		if err == nil {
			t.Error("it was confirmed without a compiler")
		}
		t.Skip("SFTUI_PJRT_CUDA names no plugin to confirm it with")
	}
	if err != nil {
		t.Fatal(err)
	}
	if !confirmed.Confirmed || confirmed.Worst.Shape != got.Worst.Shape {
		t.Errorf("confirmed %v, for %s instead of %s", confirmed.Confirmed, confirmed.Worst.Shape, got.Worst.Shape)
	}
	if ratio := float64(got.TotalBytes) / float64(confirmed.TotalBytes); ratio < 0.9 || ratio > 1.1 {
		t.Errorf("the formula says %d bytes, XLA %d", got.TotalBytes, confirmed.TotalBytes)
	}
}

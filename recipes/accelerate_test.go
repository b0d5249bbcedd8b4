package recipes

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAccelerate(t *testing.T) {
	tests := []struct {
		file     string
		want     Accelerate
		says, zh []string
	}{
		{"ddp", Accelerate{Kind: "MULTI_GPU", Processes: 8, Machines: 1, Precision: "bf16"}, []string{"DDP", "multiply gradient_accumulation_steps by 8"}, []string{"乘以 8"}},
		{"fsdp", Accelerate{Kind: "FSDP", Processes: 16, Machines: 2, Precision: "bf16", Sharding: "FULL_SHARD", Offload: true}, []string{"FSDP FULL_SHARD", "main memory"}, []string{"内存"}},
		{"zero2", Accelerate{Kind: "DEEPSPEED", Processes: 4, Machines: 1, Precision: "fp16", ZeroStage: 2, Offload: true, Accumulates: 4}, []string{"ZeRO-2", "float16", "overridden"}, []string{"ZeRO-2"}},
		{"zero3", Accelerate{Kind: "DEEPSPEED", Processes: 8, Machines: 1, Precision: "bf16", ZeroStage: 3}, []string{"ZeRO-3", "one device"}, []string{"ZeRO-3"}},
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			path := filepath.Join("testdata", "accelerate", tt.file+".yaml")
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			a, err := ParseAccelerate(path, data)
			if err != nil {
				t.Fatal(err)
			}
			tt.want.Name = path
			if *a != tt.want {
				t.Errorf("got %+v, want %+v", *a, tt.want)
			}
			english, chinese := strings.Join(a.Explain(English), " "), strings.Join(a.Explain(Chinese), " ")
			for _, s := range tt.says {
				if !strings.Contains(english, s) {
					t.Errorf("explanation lacks %q: %s", s, english)
				}
			}
			for _, s := range tt.zh {
				if !strings.Contains(chinese, s) {
					t.Errorf("explanation lacks %q: %s", s, chinese)
				}
			}
		})
	}
	if _, err := ParseAccelerate("x", []byte("seed: 1")); err == nil {
		t.Error("a recipe was taken for a launch configuration")
	}
}

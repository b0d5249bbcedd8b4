module sftui

go 1.26.5

require (
	charm.land/bubbletea/v2 v2.1.1
	charm.land/bubbles/v2 v2.2.1
	charm.land/lipgloss/v2 v2.0.6
	github.com/gomlx/gomlx v0.28.8
	github.com/gomlx/go-xla v0.4.5
	github.com/gomlx/compute v0.1.6
	github.com/gomlx/go-huggingface v0.4.3
	github.com/daulet/tokenizers v1.27.0
	github.com/parquet-go/parquet-go v0.32.0
	github.com/NVIDIA/go-nvml v0.13.4-1
	github.com/NimbleMarkets/ntcharts/v2 v2.2.0
)

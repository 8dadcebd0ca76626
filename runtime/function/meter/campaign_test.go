package meter_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestCampaign compares every module of $METER_CAMPAIGN.
func TestCampaign(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(os.Getenv("METER_CAMPAIGN"), "*.wasm"))
	if len(files) == 0 {
		t.Skip("METER_CAMPAIGN names no modules")
	}
	ends := map[string]int{}
	for _, file := range files {
		code, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		wrong, ended := compared(code, 2*time.Second)
		if wrong != "" {
			t.Errorf("%s: %.1500s", file, wrong)
		}
		ends[ended]++
	}
	for end, n := range ends {
		t.Logf("%6d %s", n, end)
	}
}

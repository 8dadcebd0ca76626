package main

import (
	"encoding/json"
	"runtime"
	"runtime/debug"
)

// version is set by the release build (-ldflags -X).
var version string

type versionCommand struct {
	JSON bool `name:"json" help:"As JSON."`
}

// Run prints the version, the commit it was built from and the platform.
func (c *versionCommand) Run(call *call) error {
	v := buildVersion()
	if c.JSON {
		return json.NewEncoder(call.out).Encode(v)
	}
	call.say("edge-hive %s (%s, %s)\n", v.Version, v.Go, v.Platform)
	return nil
}

type versionInfo struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func buildVersion() versionInfo {
	v := versionInfo{Version: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if ok {
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				v.Commit = setting.Value
			}
		}
		if v.Version == "" && info.Main.Version != "(devel)" {
			v.Version = info.Main.Version
		}
	}
	if v.Version == "" {
		v.Version = "development"
	}
	return v
}

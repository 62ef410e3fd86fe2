package oidc

import "strings"

// What browsers and systems call themselves, those first whose names others say too.
var (
	browserNames = [][2]string{
		{"Edg", "Edge"}, {"OPR/", "Opera"}, {"SamsungBrowser/", "Samsung Internet"}, {"Firefox/", "Firefox"}, {"FxiOS/", "Firefox"},
		{"CriOS/", "Chrome"}, {"Chrome/", "Chrome"}, {"Safari/", "Safari"},
	}
	systemNames = [][2]string{
		{"iPhone", "an iPhone"}, {"iPad", "an iPad"}, {"Android", "Android"}, {"CrOS", "ChromeOS"}, {"Windows", "Windows"}, {"Mac OS X", "macOS"},
		{"Linux", "Linux"},
	}
)

// browserText says in words what a browser told about itself. What is not
// understood is shown as it came.
func browserText(agent string) string {
	browser, system := nameIn(agent, browserNames), nameIn(agent, systemNames)
	if browser == "" || system == "" {
		return agent
	}
	return browser + " on " + system
}

func nameIn(agent string, names [][2]string) string {
	for _, one := range names {
		if strings.Contains(agent, one[0]) {
			return one[1]
		}
	}
	return ""
}

package wire

import "time"

// SetProgress is how long connections accepted from now on may take nothing.
func (l *Listener) SetProgress(d time.Duration) { l.progress = d }

package config

// suggestion names the setting whose key is nearest to what was written.
func suggestion(key string) string {
	best, nearest := "", len(key)/2+1
	for _, s := range settings {
		if d := distance(key, s.key); d < nearest {
			best, nearest = s.key, d
		}
	}
	if best == "" {
		return "; tansu config show lists all settings"
	}
	return "; did you mean " + best + "?"
}

// distance is the number of letters to insert, delete or replace between a and b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(row[j+1]+1, row[j]+1, cost)
		}
	}
	return row[len(b)]
}

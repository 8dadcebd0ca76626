//go:build ignore

// Generate writes authors.csv and books.csv, the same ones on every run:
//
//	go run examples/bookshop/seed/generate.go examples/bookshop/seed
//
// Every author and title is made up.
package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const (
	authorCount = 140
	bookCount   = 1200
)

var (
	firstNames = strings.Fields("Mira Jonas Adaeze Luís Ingrid Kenji Amara Tomasz Leila Oskar Priya Mateo Saskia Emre Noor Björn Chiara Dmitri Yuna Elias Ọlá Freya Rafael Hana Marek Zola Anton Inês Viktor Salma")
	lastNames  = strings.Fields("Holm Okafor Tanaka Vieira Lindqvist Nowak Haddad Berger Moreau Castellanos Dvořák Iversen Rahman Quist Abara Ferreira Sokolov Park Weiss Halloran Bianchi Demir Achterberg Nakamura Rossi Kettle")
	countries  = strings.Fields("Norway Nigeria Japan Portugal Sweden Poland Lebanon Germany France Mexico Czechia Denmark Bangladesh Netherlands Ghana Brazil Kenya Korea Austria Ireland Italy Turkey")
	adjectives = strings.Fields("Quiet Salt Last Borrowed Amber Hollow Northern Patient Crooked Silver Forgotten Second Winter Paper Blue Restless Slow Hidden Bright Distant")
	nouns      = strings.Fields("Harbour Orchard Ledger Lantern River Clockmaker Garden Archive Tide Cartographer Bridge Window Letter Bell Island Market Staircase Meadow Engine Compass")
	places     = strings.Fields("Lisbon Tromsø Lagos Kyoto Kraków Beirut Bergen Oaxaca Brno Galway")
	subjects   = strings.Fields("Baking Cartography Bicycles Beekeeping Tides Bookbinding Mosses Typography Bridges Clocks")
	genres     = strings.Fields("novel crime history science poetry travel children cooking essay fantasy")
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: generate FOLDER")
	}
	random := rand.New(rand.NewPCG(1969, 7))
	authors := makeAuthors(random)
	write(filepath.Join(os.Args[1], "authors.csv"), append([][]string{{"id", "name", "born", "country"}}, authors...))
	write(filepath.Join(os.Args[1], "books.csv"), append([][]string{{"title", "isbn", "author", "year", "price", "stock", "tags", "meta", "cost"}}, makeBooks(random, authors)...))
}

func makeAuthors(random *rand.Rand) [][]string {
	var rows [][]string
	seen := map[string]bool{}
	for len(rows) < authorCount {
		name := pick(random, firstNames) + " " + pick(random, lastNames)
		if seen[name] {
			continue
		}
		seen[name] = true
		rows = append(rows, []string{slug(name), name, strconv.Itoa(1900 + random.IntN(98)), pick(random, countries)})
	}
	return rows
}

func makeBooks(random *rand.Rand, authors [][]string) [][]string {
	var rows [][]string
	seen := map[string]bool{}
	for len(rows) < bookCount {
		title := makeTitle(random)
		if seen[title] {
			continue
		}
		seen[title] = true
		author := authors[random.IntN(len(authors))]
		born, _ := strconv.Atoi(author[2])
		price := 499 + random.IntN(4500)
		tags := asJSON(twoOf(random, genres))
		meta := asJSON(map[string]any{"pages": 80 + random.IntN(700), "binding": []string{"paperback", "hardcover"}[random.IntN(2)], "series": nil})
		rows = append(rows, []string{
			title, isbn(len(rows)), author[0], strconv.Itoa(min(born+22+random.IntN(50), 2025)),
			cents(price), strconv.Itoa(random.IntN(60)), tags, meta, cents(price * 6 / 10),
		})
	}
	return rows
}

func makeTitle(random *rand.Rand) string {
	switch random.IntN(6) {
	case 0:
		return "The " + pick(random, adjectives) + " " + pick(random, nouns)
	case 1:
		return article(pick(random, nouns)) + " in " + pick(random, places)
	case 2:
		return pick(random, subjects) + ", Explained: " + pick(random, adjectives) + " Notes from " + pick(random, places)
	case 3:
		return "The " + pick(random, nouns) + " and the " + pick(random, nouns)
	case 4:
		return pick(random, adjectives) + " " + pick(random, nouns) + " of " + pick(random, places)
	default:
		return "What the " + pick(random, nouns) + " \"Knew\", or: the " + pick(random, adjectives) + " " + pick(random, nouns)
	}
}

// article puts A or An before a noun.
func article(noun string) string {
	if strings.ContainsAny(noun[:1], "AEIO") {
		return "An " + noun
	}
	return "A " + noun
}

// isbn gives a 978 number with a right check digit.
func isbn(n int) string {
	digits := fmt.Sprintf("97899%07d", n*7919%10000000)
	sum := 0
	for i, d := range digits {
		weight := 1
		if i%2 == 1 {
			weight = 3
		}
		sum += int(d-'0') * weight
	}
	return digits + strconv.Itoa((10-sum%10)%10)
}

func slug(name string) string {
	plain := strings.NewReplacer("í", "i", "ö", "o", "Ọ", "O", "á", "a", "ê", "e", "ř", "r").Replace(name)
	return strings.ToLower(strings.ReplaceAll(strings.ReplaceAll(plain, "ọ", "o"), " ", "-"))
}

func twoOf(random *rand.Rand, words []string) []string {
	first := random.IntN(len(words))
	second := (first + 1 + random.IntN(len(words)-1)) % len(words)
	return []string{words[first], words[second]}
}

func cents(n int) string { return fmt.Sprintf("%d.%02d", n/100, n%100) }

func pick(random *rand.Rand, words []string) string { return words[random.IntN(len(words))] }

func asJSON(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		log.Fatal(err)
	}
	return string(raw)
}

func write(path string, rows [][]string) {
	file, err := os.Create(path)
	if err != nil {
		log.Fatal(err)
	}
	w := csv.NewWriter(file)
	if err := w.WriteAll(rows); err != nil {
		log.Fatal(err)
	}
	if err := file.Close(); err != nil {
		log.Fatal(err)
	}
}

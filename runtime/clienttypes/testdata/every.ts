// Made by edge-hive types ts. Do not edit: make it again when the manifest changes.

export type Json = string | number | boolean | null | { [key: string]: Json | undefined } | Json[]

export type Database = {
  // The version of PostgREST whose dialect this is, for supabase-js.
  __InternalSupabase: {
    PostgrestVersion: "13"
  }
  public: {
    Tables: {
      things: {
        Row: {
          id: string
          name: string
          code: string | null
          kind: Database["public"]["Enums"]["things_kind"]
          grade: Database["public"]["Enums"]["things_grade"] | null
          count: number
          ratio: number | null
          price: number
          whole: number | null
          sold: boolean
          at: string
          day: string | null
          token: string
          meta: Json | null
          settings: Json
          tags: string[]
          days: string[] | null
          sizes: number[]
          owner: string | null
          shelf: number | null
          country: string
          vault: string | null
          order: number | null
          changed_at: string
          fixed: string | null
          staffed: string | null
          /** Seen by the service role alone. */
          pin?: string | null
          /** Not every caller sees it. */
          cost_of_staff?: number | null
          /** Seen by the service role alone. */
          secret_note?: string | null
          looks: number[] | null
          /** Seen by the service role alone. */
          meaning?: number[] | null
          /** Seen by the service role alone. */
          untold?: number[] | null
        }
        Insert: {
          id?: string
          name: string
          code?: string | null
          kind?: Database["public"]["Enums"]["things_kind"]
          grade?: Database["public"]["Enums"]["things_grade"] | null
          count?: number
          ratio?: number | null
          price: number
          whole?: number | null
          sold?: boolean
          at?: string
          day?: string | null
          token?: string
          meta?: Json | null
          settings?: Json
          tags?: string[]
          days?: string[] | null
          sizes: number[]
          owner?: never
          shelf?: number | null
          country: string
          vault?: string | null
          order?: number | null
          changed_at?: never
          fixed?: string | null
          staffed?: string | null
          pin?: string | null
          cost_of_staff?: number | null
          secret_note?: string | null
          looks?: number[] | null
          meaning?: number[] | null
          untold?: number[] | null
        }
        Update: {
          id?: string
          name?: string
          code?: string | null
          kind?: Database["public"]["Enums"]["things_kind"]
          grade?: Database["public"]["Enums"]["things_grade"] | null
          count?: number
          ratio?: number | null
          price?: number
          whole?: number | null
          sold?: boolean
          at?: string
          day?: string | null
          token?: string
          meta?: Json | null
          settings?: Json
          tags?: string[]
          days?: string[] | null
          sizes?: number[]
          owner?: never
          shelf?: number | null
          country?: string
          vault?: string | null
          order?: number | null
          changed_at?: never
          fixed?: string | null
          staffed?: string | null
          pin?: string | null
          cost_of_staff?: number | null
          secret_note?: string | null
          looks?: number[] | null
          meaning?: number[] | null
          untold?: number[] | null
        }
        Relationships: [
          {
            foreignKeyName: "things_owner_fkey"
            columns: ["owner"]
            isOneToOne: false
            referencedRelation: "users"
            referencedColumns: ["id"]
          },
          {
            foreignKeyName: "things_shelf_fkey"
            columns: ["shelf"]
            isOneToOne: true
            referencedRelation: "shelves"
            referencedColumns: ["id"]
          },
          {
            foreignKeyName: "things_country_fkey"
            columns: ["country"]
            isOneToOne: false
            referencedRelation: "countries"
            referencedColumns: ["id"]
          },
          {
            foreignKeyName: "things_vault_fkey"
            columns: ["vault"]
            isOneToOne: false
            referencedRelation: "vaults"
            referencedColumns: ["id"]
          },
        ]
      }
      shelves: {
        Row: {
          id: number
          label: string
        }
        Insert: {
          id?: number
          label: string
        }
        Update: {
          id?: number
          label?: string
        }
        Relationships: []
      }
      countries: {
        Row: {
          id: string
          name: string | null
          NAME_of: Database["public"]["Enums"]["countries_NAME_of"] | null
        }
        Insert: {
          id: string
          name?: string | null
          NAME_of?: Database["public"]["Enums"]["countries_NAME_of"] | null
        }
        Update: {
          id?: string
          name?: string | null
          NAME_of?: Database["public"]["Enums"]["countries_NAME_of"] | null
        }
        Relationships: []
      }
      a: {
        Row: {
          id: string
          b_c: Database["public"]["Enums"]["a_b_c"] | null
          dD: number | null
          d_d: number | null
        }
        Insert: {
          id?: string
          b_c?: Database["public"]["Enums"]["a_b_c"] | null
          dD?: number | null
          d_d?: number | null
        }
        Update: {
          id?: string
          b_c?: Database["public"]["Enums"]["a_b_c"] | null
          dD?: number | null
          d_d?: number | null
        }
        Relationships: []
      }
      a_b: {
        Row: {
          id: string
          c: Database["public"]["Enums"]["a_b_c_2"] | null
        }
        Insert: {
          id?: string
          c?: Database["public"]["Enums"]["a_b_c_2"] | null
        }
        Update: {
          id?: string
          c?: Database["public"]["Enums"]["a_b_c_2"] | null
        }
        Relationships: []
      }
      profiles: {
        Row: {
          id: string
          nickname: string | null
        }
        Insert: {
          id: string
          nickname?: string | null
        }
        Update: {
          id?: string
          nickname?: string | null
        }
        Relationships: [
          {
            foreignKeyName: "profiles_id_fkey"
            columns: ["id"]
            isOneToOne: true
            referencedRelation: "users"
            referencedColumns: ["id"]
          },
        ]
      }
      pairs: {
        Row: {
          id: string
          thing: string
          other: string
        }
        Insert: {
          id?: string
          thing: string
          other: string
        }
        Update: {
          id?: string
          thing?: string
          other?: string
        }
        Relationships: [
          {
            foreignKeyName: "pairs_thing_fkey"
            columns: ["thing"]
            isOneToOne: false
            referencedRelation: "things"
            referencedColumns: ["id"]
          },
          {
            foreignKeyName: "pairs_other_fkey"
            columns: ["other"]
            isOneToOne: false
            referencedRelation: "things"
            referencedColumns: ["id"]
          },
        ]
      }
      vaults: {
        Row: {
          id: string
          combination: string | null
        }
        Insert: {
          id?: string
          combination?: string | null
        }
        Update: {
          id?: string
          combination?: string | null
        }
        Relationships: []
      }
      users: {
        Row: {
          id: string
          email: string | null
          user_metadata: Json | null
          app_metadata: Json | null
          created_at: string | null
        }
        Insert: {
          id?: string
          email?: string | null
          user_metadata?: Json | null
          app_metadata?: Json | null
          created_at?: never
        }
        Update: {
          id?: string
          email?: string | null
          user_metadata?: Json | null
          app_metadata?: Json | null
          created_at?: never
        }
        Relationships: []
      }
    }
    Views: {
      [_ in never]: never
    }
    Functions: {
      [_ in never]: never
    }
    Enums: {
      things_kind: "new" | "second hand" | ""
      things_grade: "a" | "b"
      countries_NAME_of: "x"
      a_b_c: "x"
      a_b_c_2: "y"
    }
    CompositeTypes: {
      [_ in never]: never
    }
  }
}

type Public = Database["public"]

/** A row of a table, as it is read. */
export type Tables<Name extends keyof Public["Tables"]> = Public["Tables"][Name]["Row"]

/** A new row of a table. */
export type TablesInsert<Name extends keyof Public["Tables"]> = Public["Tables"][Name]["Insert"]

/** A change of rows of a table. */
export type TablesUpdate<Name extends keyof Public["Tables"]> = Public["Tables"][Name]["Update"]

/** One of the texts that a column allows. */
export type Enums<Name extends keyof Public["Enums"]> = Public["Enums"][Name]

export const Constants = {
  public: {
    Enums: {
      things_kind: ["new", "second hand", ""],
      things_grade: ["a", "b"],
      countries_NAME_of: ["x"],
      a_b_c: ["x"],
      a_b_c_2: ["y"],
    },
  },
} as const

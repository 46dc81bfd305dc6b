(* Linear self-attention on tokens e = (x, y) with any matrices P and Q in any number of heads and
   layers, as Vladymyrov et al. 2024 have it; tokens are rows, keys and values are the examples. *)
Require Import Prelude Matrices Layer.

Section AnyWeights.
Variables (F : fieldType) (relu : F -> F) (n m d : nat).
Notation weights := ('M[F]_(d + 1) * 'M[F]_(d + 1))%type.

(* sum_j P e_j <e_j, Q e_i> over the examples j *)
Definition any_head (PQ : weights) : head F (d + 1) :=
  Head (SlotMap [::] [:: Block "f" 1 (Apply PQ.2) "e"] [::] [::])
    (SlotMap [::] [:: move "f" 1 "e"] [::] [::])
    (SlotMap [::] [:: Block "e" 1 (Apply PQ.1) "e"] [::] [::]) Linear Context false.
Definition any_layer heads := Layer (map any_head heads) None.
Definition any_layers layers := map any_layer layers.

Implicit Types (all : tokens F (d + 1) 0 n m) (heads : seq weights) (layers : seq (seq weights)).

(* What one layer multiplies every token with, on examples E. *)
Definition added heads (E : 'M[F]_(n, d + 1)) :=
  foldr (fun PQ sum => PQ.2^T *m (E^T *m (E *m PQ.1^T)) + sum) 0 heads.

Lemma residual_adds heads all r (h : stream F (d + 1) 0 r) :
  residual relu n (map any_head heads) all h Vector "e"
  = h Vector "e" *m (1%:M + added heads (context all Vector "e")).
Proof.
rewrite /residual mulmxDr mulmx1.
elim: heads {1 2}(h Vector "e") => [|PQ rest IH] sum /=; first by rewrite mulmx0 addr0.
rewrite IH mulmxDr addrA; congr (_ + _ + _).
by rewrite /any_head; execute; rewrite !mulmxA.
Qed.

(* Every layer multiplies all tokens, the query's too, with one matrix. *)
Lemma one_matrix layers all :
  exists B, context (run relu n (any_layers layers) all) Vector "e" = context all Vector "e" *m B
    /\ queries (run relu n (any_layers layers) all) Vector "e" = queries all Vector "e" *m B.
Proof.
elim: layers all => [|heads rest IH] all; first by exists 1%:M; rewrite !mulmx1.
have [B []] := IH (apply_layer relu n (any_layer heads) all).
rewrite /= !residual_adds => atC atQ.
by exists ((1%:M + added heads (context all Vector "e")) *m B); rewrite !mulmxA.
Qed.

(* Theorem 4.1: after any layers, x_i = M x_i + y_i u and y_i = a y_i - <w, x_i>, with one M, u, a, w
   for all examples and the query. [supports vladymyrov2024.theorem4.1] *)
Theorem structure layers all (X : 'M[F]_(n, d)) (y : 'cV[F]_n) (Q : 'M[F]_(m, d)) :
  context all Vector "e" = row_mx X y -> queries all Vector "e" = row_mx Q 0 ->
  let after := run relu n (any_layers layers) all in
  exists (M : 'M[F]_d) (u w : 'cV[F]_d) (a : F),
    context after Vector "e" = row_mx (X *m M^T + y *m u^T) (a *: y - X *m w)
    /\ queries after Vector "e" = row_mx (Q *m M^T) (- (Q *m w)).
Proof.
move=> atX atQ after; have [B [-> ->]] := one_matrix layers all.
exists (ulsubmx B)^T, (dlsubmx B)^T, (- ursubmx B), (drsubmx B 0 0).
rewrite atX atQ -{1 6}(submxK B) !mul_row_block !trmxK !mulmxN !opprK !mul0mx !addr0.
split=> //; congr (row_mx _ _); rewrite addrC; congr (_ + _).
by rewrite [in LHS](mx11_scalar (drsubmx B)) mul_mx_scalar.
Qed.
End AnyWeights.
